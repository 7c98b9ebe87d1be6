-- A mailbox is one recipient's sequence of notifications. Its row is the counter, and the lock that puts the
-- transactions of several replicas in order: whoever assigns positions holds it until commit, so positions commit in
-- order and a reader's cursor skips nothing.
CREATE TABLE mailboxes (
    -- 'r:' and the code of a representative, or 'u:' and the code of a unit. Collated by byte, so that every replica
    -- locks in the same order.
    recipient text COLLATE "C" NOT NULL,
    -- The position of the latest notification; 0 before the first.
    last_position bigint NOT NULL DEFAULT 0,
    -- Everything up to here has reached the recipient, who said so.
    acknowledged_position bigint NOT NULL DEFAULT 0,
    CONSTRAINT mailbox_is_one_per_recipient PRIMARY KEY (recipient),
    CONSTRAINT mailbox_is_acknowledged_at_most_to_its_end
        CHECK (acknowledged_position BETWEEN 0 AND last_position)
)
-- Counters change with every batch. Free room in the page keeps their updates off the index.
WITH (fillfactor = 50);

-- No foreign key to mailboxes: the batch has locked the mailbox when it inserts, and a check of every row would cost as
-- much as the row.
CREATE TABLE notifications (
    recipient text COLLATE "C" NOT NULL,
    -- 1, 2, 3 … without gaps in each mailbox.
    position bigint NOT NULL,
    event_id uuid NOT NULL,
    -- huying.events.v1.Event, encoded.
    event bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT notification_has_its_own_position PRIMARY KEY (recipient, position),
    -- The event leads, because event ids grow with time: new entries of all mailboxes fall into the same few pages.
    CONSTRAINT notification_tells_an_event_once UNIQUE (event_id, recipient)
);
