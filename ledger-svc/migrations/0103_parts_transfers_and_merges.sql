-- What a case has besides a responsible unit and a deadline of the stage.
ALTER TABLE cases
    ADD COLUMN case_deadline_at timestamptz,
    ADD COLUMN open_parts       integer NOT NULL DEFAULT 0
               CONSTRAINT cases_open_parts_is_a_count CHECK (open_parts >= 0),
    ADD COLUMN petitioner_count integer NOT NULL DEFAULT 1
               CONSTRAINT cases_are_of_somebody CHECK (petitioner_count >= 1),
    ADD COLUMN merged_into      uuid;

-- A unit may have to do with a case that it never received: as a co-handler it has a part of it. So a row no longer means
-- that the case was assigned to the unit or held by it; `received` does.
ALTER TABLE case_units
    ADD COLUMN received             boolean NOT NULL DEFAULT true,
    ADD COLUMN parts                integer NOT NULL DEFAULT 0,
    ADD COLUMN parts_answered       integer NOT NULL DEFAULT 0,
    ADD COLUMN transferred          integer NOT NULL DEFAULT 0,
    ADD COLUMN extensions_requested integer NOT NULL DEFAULT 0,
    ADD COLUMN extensions_granted   integer NOT NULL DEFAULT 0,
    ADD COLUMN urged                integer NOT NULL DEFAULT 0,
    ADD COLUMN supervised           integer NOT NULL DEFAULT 0,
    ADD COLUMN criticised           integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT case_units_only_the_received_are_replied_to CHECK (received OR NOT replied);
