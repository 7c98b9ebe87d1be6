-- What the search finds. Drawn from the public texts of each case after they are in the log (src/indexer.rs), a row a case
-- of which anything is public; emptied and filled anew whenever src/domain/segmentation.rs has another format.
CREATE TABLE case_search (
    case_id       uuid        PRIMARY KEY,
    -- As in `cases`, where neither ever changes.
    submitted_at  timestamptz NOT NULL,
    -- What was public when the row was drawn: 1 everything, 2 the office's explanation only. Where the case no longer says
    -- the same of this and of erasure, the row is not found any more, even before it is drawn anew.
    publicity     smallint    NOT NULL CONSTRAINT case_search_has_what_is_public CHECK (publicity IN (1, 2)),
    erased_before bigint      NOT NULL,
    -- SHA-256 of what the row was drawn from, to leave it alone when that is the same.
    drawn_from    bytea       NOT NULL CONSTRAINT case_search_drawn_from_is_a_hash CHECK (length(drawn_from) = 32),
    -- The texts as words, for the ranking: title, text and what was said later, with U+001F in between. Many rows are looked
    -- at for a common word, so this and the words stand beside the table, and it stays narrow.
    document      text        NOT NULL,
    -- Without positions: the ranking has the texts themselves.
    words         tsvector    NOT NULL
) WITH (toast_tuple_target = 128, fillfactor = 90);

-- New rows wait in the index's pending list until the batch that writes them has them sorted in, in bulk, which is
-- several times faster than one by one. Nothing else does, whatever the server's own limit is: searches would have to
-- read through what waits.
CREATE INDEX case_search_words ON case_search USING gin (words) WITH (fastupdate = on, gin_pending_list_limit = 65536);
CREATE INDEX case_search_latest_first ON case_search (submitted_at DESC, case_id DESC);

-- An estimate of how many cases have a word decides how a search is carried out.
ALTER TABLE case_search ALTER COLUMN words SET STATISTICS 1000;

-- How far the leaves have been followed. Whoever draws rows of case_search holds the lock of this row.
CREATE TABLE search_cursor (
    only_row  boolean PRIMARY KEY DEFAULT true CONSTRAINT search_cursor_is_one_row CHECK (only_row),
    -- Format by which the rows are drawn.
    format    integer NOT NULL,
    -- The first leaf that has not been followed.
    next_leaf bigint  NOT NULL CONSTRAINT search_cursor_next_leaf_is_an_index CHECK (next_leaf >= 0)
);
INSERT INTO search_cursor (format, next_leaf) VALUES (0, 0);
