-- What figures by month, region and representative are counted from, and what a case page shows without reading every leaf.
-- All of it is a fold over the leaves. Rows of before are drawn anew from the leaves by the first leader that finds
-- `projection` out of date; until then they have these defaults.

ALTER TABLE cases
    -- As in the leaf: representative, station or region, and its code; null when nobody was written to.
    ADD COLUMN addressee_kind     text,
    ADD COLUMN addressee_code     text,
    ADD COLUMN first_replied_at   timestamptz,
    -- The first reply came no later than the deadline that ran just before it; also where none ran.
    ADD COLUMN replied_in_time    boolean NOT NULL DEFAULT false,
    -- The latest rating.
    ADD COLUMN rated              boolean NOT NULL DEFAULT false,
    ADD COLUMN resolved           boolean NOT NULL DEFAULT false,
    ADD COLUMN satisfied          boolean NOT NULL DEFAULT false,
    ADD COLUMN returned           integer NOT NULL DEFAULT 0,
    ADD COLUMN extensions_granted integer NOT NULL DEFAULT 0,
    ADD COLUMN supervised         integer NOT NULL DEFAULT 0,
    ADD COLUMN criticised         integer NOT NULL DEFAULT 0,
    -- Null while it is not closed.
    ADD COLUMN closed_at          timestamptz,
    ADD CONSTRAINT cases_addressee_has_kind_and_code CHECK ((addressee_kind IS NULL) = (addressee_code IS NULL)),
    ADD CONSTRAINT cases_only_the_replied_are_in_time CHECK (first_replied_at IS NOT NULL OR NOT replied_in_time),
    ADD CONSTRAINT cases_only_the_rated_are_judged CHECK (rated OR NOT (resolved OR satisfied));

ALTER TABLE case_units
    -- Null for a unit that has a part of the case only.
    ADD COLUMN received_at      timestamptz,
    -- The unit's own first reply, or the first while it held the case.
    ADD COLUMN first_replied_at timestamptz,
    ADD COLUMN replied_in_time  boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT case_units_only_the_replied_are_in_time CHECK (first_replied_at IS NOT NULL OR NOT replied_in_time);

-- All rows of a case, to draw them anew and to hold them against its leaves.
CREATE INDEX case_units_of_case ON case_units (case_id);

-- What each representative has had to do with each case. A row means that the case was addressed to them, or that they
-- did something about it.
CREATE TABLE case_representatives (
    representative    text    NOT NULL,
    case_id           uuid    NOT NULL,
    -- When the case that is addressed to them was submitted; null when it is not.
    received_at       timestamptz,
    -- Null when they did not claim it.
    claimed_at        timestamptz,
    -- Their first report or reply in their own name.
    first_answered_at timestamptz,
    answered          boolean NOT NULL,
    urged             integer NOT NULL,
    progress_reported integer NOT NULL,
    -- Null when they have not done anything.
    last_act_at       timestamptz,
    PRIMARY KEY (representative, case_id),
    CONSTRAINT case_representatives_answered_has_a_time CHECK (answered = (first_answered_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX case_representatives_of_case ON case_representatives (case_id);

-- How cases went from one unit to another.
CREATE TABLE case_hops (
    case_id      uuid        NOT NULL,
    case_version bigint      NOT NULL,
    -- 1 delegated, 2 escalated, 3 transferred, 4 returned.
    kind         smallint    NOT NULL CONSTRAINT case_hops_kind_is_known CHECK (kind BETWEEN 1 AND 4),
    from_unit    text        NOT NULL,
    to_unit      text        NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (case_id, case_version)
);

-- By which rules the tables above were drawn, and in whose term of lead. They are as the leaves say when the format is
-- the present one and the epoch is that of `log_state`: a leader of an older version, that knows less of the rules, never
-- writes its epoch here.
CREATE TABLE projection (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT projection_is_one_row CHECK (only_row),
    format   integer NOT NULL,
    epoch    bigint  NOT NULL
);
INSERT INTO projection (format, epoch) VALUES (0, 0);
