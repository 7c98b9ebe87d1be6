-- How cases stand, as far as routing-svc has told. A projection: it may be emptied and filled again from the stream.
-- No reference to submissions, because a projection must not refuse what has been decided elsewhere.

CREATE TABLE case_status (
    case_id          uuid        NOT NULL,
    -- Version of the newest event taken in; older ones change nothing.
    version          bigint      NOT NULL,
    -- Number of huying.events.v1.CaseState.
    state            smallint    NOT NULL,
    holder_office    text        NOT NULL,
    responsible_unit text        NOT NULL,
    deadline_at      timestamptz,
    overdue          boolean     NOT NULL,
    -- When the case came into its state.
    state_since      timestamptz NOT NULL,
    -- The newest reply, with a version of its own, because it may arrive after a newer event. 0 before the first.
    reply_version    bigint      NOT NULL DEFAULT 0,
    reply_number     integer     NOT NULL DEFAULT 0,
    reply            text        NOT NULL DEFAULT '',
    CONSTRAINT case_status_case_once PRIMARY KEY (case_id)
) WITH (fillfactor = 80); -- Room on the page for the several updates each case gets.
