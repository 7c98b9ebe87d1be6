-- Cases, their history, and the requests that were acted on.

-- One row a case: where it stands, and what a handler needs of it. The deadline is a column, because an open case has
-- exactly one: a table of its own would be a second row and a second index entry for every case.
CREATE TABLE cases (
    case_id          uuid        NOT NULL,
    version          bigint      NOT NULL,
    kind             smallint    NOT NULL,
    -- The region path of the header, for lists by subtree.
    municipal        text        NOT NULL,
    district         text,
    township         text,
    -- huying.events.v1.CaseHeader, encoded. It never changes.
    header           bytea       NOT NULL,
    -- Personal data masked.
    body             text        NOT NULL,
    -- huying.events.v1.CaseState.
    state            smallint    NOT NULL,
    holder_office    text        NOT NULL,
    responsible_unit text,
    -- The department it was assigned to last.
    department       text,
    -- huying.events.v1.DeadlineKind.
    stage            smallint,
    -- 'infinity' when closed, so that one index orders open and closed cases alike.
    due_at           timestamptz NOT NULL,
    expiries         integer     NOT NULL,
    overdue          boolean     NOT NULL,
    return_count     integer     NOT NULL,
    reply_count      integer     NOT NULL,
    rated_reply      integer     NOT NULL,
    -- Every unit that held it or was responsible for it.
    units            text[]      NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT cases_pk PRIMARY KEY (case_id),
    CONSTRAINT case_has_a_known_state CHECK (state BETWEEN 1 AND 6),
    CONSTRAINT open_case_has_one_responsible_unit CHECK ((state = 6) = (responsible_unit IS NULL)),
    CONSTRAINT open_case_has_one_live_deadline
        CHECK ((state = 6) = (stage IS NULL) AND (state = 6) = (due_at = 'infinity')),
    CONSTRAINT case_is_returned_at_most_twice CHECK (return_count BETWEEN 0 AND 2)
);

-- Firing deadlines, and lists of everything. The other four: lists by office, department and subtree, in the same order.
-- The unit responsible for a case is always its holding office or its department, so it needs no index of its own.
CREATE INDEX cases_by_deadline ON cases (due_at, case_id);
CREATE INDEX cases_by_holder ON cases (holder_office, due_at, case_id);
CREATE INDEX cases_by_department ON cases (department, due_at, case_id) WHERE department IS NOT NULL;
CREATE INDEX cases_by_district ON cases (district, due_at, case_id) WHERE district IS NOT NULL;
CREATE INDEX cases_by_township ON cases (township, due_at, case_id) WHERE township IS NOT NULL;
-- Always empty, by the constraints above; the metric that says so reads it instead of the table.
CREATE INDEX cases_standing_still ON cases (case_id)
    WHERE state <> 6 AND (due_at = 'infinity' OR responsible_unit IS NULL);

-- The events of a case from version 2 on: one row a decision, which is one event or two, without the header that they
-- share with the case. Outbox rows go after a time; these stay.
CREATE TABLE case_history (
    case_id      uuid   NOT NULL,
    from_version bigint NOT NULL,
    -- The events, encoded one after the other as field 1 of a message.
    events       bytea  NOT NULL,
    CONSTRAINT case_history_has_each_version_once PRIMARY KEY (case_id, from_version)
);

-- Requests that changed a case, with their answers: the same request again gets the same answer and changes nothing.
CREATE TABLE command_requests (
    caller     text        NOT NULL,
    request_id text        NOT NULL,
    command    text        NOT NULL,
    -- SHA-256 of the request as encoded.
    body_hash  bytea       NOT NULL,
    -- huying.routing.v1.CommandOutcome, encoded.
    response   bytea       NOT NULL,
    made_at    timestamptz NOT NULL,
    CONSTRAINT command_requests_act_once PRIMARY KEY (caller, request_id)
);
