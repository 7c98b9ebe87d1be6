-- Withdrawals asked for by citizens. routing-svc decides whether one becomes part of the case; a refusal is noted here.

CREATE TABLE withdrawals (
    -- Id of the WithdrawalRequested event; routing's refusal names it.
    event_id     uuid        NOT NULL,
    case_id      uuid        NOT NULL,
    key_hash     bytea       NOT NULL,
    body_mac     bytea       NOT NULL,
    requested_at timestamptz NOT NULL,
    -- Why routing refused it, in a sentence; NULL while it has not.
    refusal      text,
    CONSTRAINT withdrawals_request_once PRIMARY KEY (event_id),
    CONSTRAINT withdrawals_key_once UNIQUE (key_hash)
);

-- A case is withdrawn once; a refused withdrawal does not count.
CREATE UNIQUE INDEX withdrawals_case_once ON withdrawals (case_id) WHERE refusal IS NULL;
-- For "the last request of this case".
CREATE INDEX withdrawals_by_case ON withdrawals (case_id, requested_at);
