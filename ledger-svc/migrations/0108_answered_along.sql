-- A unit that answers a case as part of another one, without ever having had it by itself, has answered it along: it has not
-- received it. Rows of before have such a case as received at its reply; they are drawn anew from the leaves by the first
-- leader that finds `projection` out of date, and so is whether each reply came within the time of the whole case, too.
ALTER TABLE case_units
    -- The first reply before the unit had received the case; null without one. It counts as long as the unit has not replied
    -- to the case by itself.
    ADD COLUMN answered_along_at      timestamptz,
    ADD COLUMN answered_along_in_time boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT case_units_only_the_answered_are_in_time
        CHECK (answered_along_at IS NOT NULL OR NOT answered_along_in_time);
