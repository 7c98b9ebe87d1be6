-- The whole life of a case: clocks that ring, parts, claims, merged cases, categories that change, and what units were
-- given.

-- Everything new may be NULL: so a release that does not know these columns can go on inserting while it is replaced,
-- and no row is rewritten here.
ALTER TABLE cases
    -- When something happens by itself next; 'infinity' when nothing does. NULL in a row of an earlier release, whose
    -- deadline is its alarm.
    ADD COLUMN alarm_at     timestamptz,
    -- Category path of now; the header has the one of the submission. NULL in a row of an earlier release.
    ADD COLUMN category     text,
    -- 'r:' and a representative's code, or 's:' and a station's, when the case is addressed to one.
    ADD COLUMN addressee    text,
    -- As the header has it. NULL in a row of an earlier release: then the time that is in the id.
    ADD COLUMN submitted_at timestamptz,
    -- The case it goes on as part of.
    ADD COLUMN merged_into  uuid,
    -- The citizen's pictures, encoded; NULL when there are none. store/rows.rs has the message.
    ADD COLUMN pictures     bytea,
    -- What nothing is searched by: clocks, parts, claims, counts. store/detail.rs has the message. NULL in a row of an
    -- earlier release, and out of date when such a release moved the case on: it says which version it is of.
    ADD COLUMN detail       bytea,
    -- Counts repeated expiries, which have not been since a deadline expires once.
    ALTER COLUMN expiries SET DEFAULT 0;

-- States 6 to 9 are closed, declined, withdrawn and merged.
ALTER TABLE cases
    DROP CONSTRAINT case_has_a_known_state,
    DROP CONSTRAINT open_case_has_one_responsible_unit,
    DROP CONSTRAINT open_case_has_one_live_deadline,
    ADD CONSTRAINT case_has_a_known_state CHECK (state BETWEEN 1 AND 9),
    ADD CONSTRAINT open_case_has_one_responsible_unit CHECK ((state >= 6) = (responsible_unit IS NULL)),
    ADD CONSTRAINT open_case_has_one_live_deadline
        CHECK ((state >= 6) = (stage IS NULL) AND (state >= 6) = (due_at = 'infinity')),
    ADD CONSTRAINT merged_case_is_part_of_another
        CHECK (state <> 9 OR (merged_into IS NOT NULL AND merged_into <> case_id));

-- Firing goes along this one; lists of everything go on along cases_by_deadline.
CREATE INDEX cases_by_alarm ON cases ((coalesce(alarm_at, due_at)), case_id);
CREATE INDEX cases_by_addressee ON cases (addressee, due_at, case_id) WHERE addressee IS NOT NULL;

DROP INDEX cases_standing_still;
CREATE INDEX cases_standing_still ON cases (case_id)
    WHERE state < 6 AND (due_at = 'infinity' OR responsible_unit IS NULL);

-- Who has to do with a case besides its holder and its lead: 'u:' and the code of a unit with an open part, 'r:' and
-- the code of a representative who has claimed it. Few cases have any. The deadline is the case's, so that lists by
-- this table have the order of all lists.
CREATE TABLE case_involved (
    code    text        NOT NULL,
    case_id uuid        NOT NULL,
    due_at  timestamptz NOT NULL,
    CONSTRAINT case_involves_each_once PRIMARY KEY (case_id, code)
);
CREATE INDEX case_involved_by_deadline ON case_involved (code, due_at, case_id);

-- What was given to units and taken from them, numbered for each unit without gaps, in the order of the commits.
CREATE TABLE assignments (
    unit         text        NOT NULL,
    position     bigint      NOT NULL,
    -- huying.routing.v1.AssignmentKind.
    kind         smallint    NOT NULL,
    case_id      uuid        NOT NULL,
    case_version bigint      NOT NULL,
    -- 0 when it is about the whole case.
    part_number  integer     NOT NULL,
    occurred_at  timestamptz NOT NULL,
    -- NULL when it was taken.
    deadline_at  timestamptz,
    CONSTRAINT assignments_have_each_position_once PRIMARY KEY (unit, position)
);

-- The last position of each unit. Its row is locked at the very end of a transaction and until its commit, so positions
-- commit in order and a cursor over them skips nothing.
CREATE TABLE assignment_counters (
    unit text   NOT NULL,
    last bigint NOT NULL,
    CONSTRAINT assignment_counters_pk PRIMARY KEY (unit)
) WITH (fillfactor = 50);

-- Requests are made in the order of this column, so some bytes a range of pages find the old ones.
CREATE INDEX command_requests_by_age ON command_requests USING brin (made_at)
    WITH (pages_per_range = 32, autosummarize = on);
