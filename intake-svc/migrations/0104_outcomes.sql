-- More of how a case may end: declined with a ground, withdrawn, or as part of another case.

ALTER TABLE case_status
    -- The case it goes on as part of; NULL unless merged.
    ADD COLUMN merged_into         uuid,
    -- Whether it has ever been registered. From then on its texts and pictures are public, if the citizen allowed it.
    ADD COLUMN registered          boolean  NOT NULL DEFAULT false,
    -- Number of huying.events.v1.DeclineGround; 0 unless declined.
    ADD COLUMN decline_ground      smallint NOT NULL DEFAULT 0,
    -- The office's explanation; empty unless declined.
    ADD COLUMN decline_explanation text     NOT NULL DEFAULT '';

-- Registered, assigned, in handling, replied, closed: up to now only a registered case could be any of these.
UPDATE case_status SET registered = true WHERE state BETWEEN 2 AND 6;
