-- Ratings asked for by citizens. routing-svc decides whether one becomes part of the case; a refusal is noted here.

CREATE TABLE ratings (
    -- Id of the RatingRequested event; routing's refusal names it.
    event_id     uuid        NOT NULL,
    case_id      uuid        NOT NULL,
    key_hash     bytea       NOT NULL,
    body_mac     bytea       NOT NULL,
    -- The reply that was judged: 1 for the first.
    reply_number integer     NOT NULL,
    requested_at timestamptz NOT NULL,
    -- Why routing refused it, in a sentence; NULL while it has not.
    refusal      text,
    CONSTRAINT ratings_request_once PRIMARY KEY (event_id),
    CONSTRAINT ratings_key_once UNIQUE (key_hash)
);

-- A reply is rated once; a refused rating does not count.
CREATE UNIQUE INDEX ratings_reply_once ON ratings (case_id, reply_number) WHERE refusal IS NULL;
-- For "the last request of this case".
CREATE INDEX ratings_by_case ON ratings (case_id, requested_at);
