-- Submissions, as intake-svc acknowledged them. One row each; the private part is sealed in it.
--
-- Rows are written in batches of hundreds, so every index entry counts: case_id grows with time (UUIDv7) and costs
-- an append; key_hash and receipt_hash are spread over the whole index, and are therefore 16 bytes and not 32.

CREATE TABLE submissions (
    case_id      uuid        NOT NULL,
    -- Keyed hash of the caller's idempotency key: a copy of the database is no list of keys.
    key_hash     bytea       NOT NULL,
    -- Keyed hash of the whole request. Tells a retry from another request under the same key, and does not let
    -- anybody who reads the database try out phone numbers.
    body_mac     bytea       NOT NULL,
    -- Keyed hash of the receipt code. The code itself is derived from case_id and kept nowhere.
    receipt_hash bytea       NOT NULL,
    received_at  timestamptz NOT NULL,
    -- Encoded huying.events.v1.CaseHeader, as it stands in CaseSubmitted: nothing but public or masked data.
    header       bytea       NOT NULL,
    -- Name, phone, address and unmasked text, sealed with the data key of this case.
    sealed       bytea       NOT NULL,
    -- The data key, sealed with the master key. NULL once the private part has been erased.
    wrapped_key  bytea,
    CONSTRAINT submissions_case_once PRIMARY KEY (case_id),
    CONSTRAINT submissions_key_once UNIQUE (key_hash),
    CONSTRAINT submissions_receipt_once UNIQUE (receipt_hash)
);

-- Ciphertext does not compress; without this PostgreSQL would try on every long one.
ALTER TABLE submissions ALTER COLUMN sealed SET STORAGE EXTERNAL;
