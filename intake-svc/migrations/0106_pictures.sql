-- Pictures in the picture store, a row for each object. The row comes first and goes last, so that no object is ever
-- there without a row that knows of it.
--
-- The same picture may be here several times, sent by several people: each has an object of its own, so that erasing
-- one never has to ask who else shows the same.

CREATE TABLE pictures (
    -- Name of the object in the store, together with picture_id.
    object_id       uuid        NOT NULL,
    -- SHA-256 of the object.
    picture_id      bytea       NOT NULL,
    media_type      text        NOT NULL,
    width_px        integer     NOT NULL,
    height_px       integer     NOT NULL,
    size_bytes      integer     NOT NULL,
    -- When it was about to be stored.
    stored_at       timestamptz NOT NULL,
    -- The submission it came with. The submission itself is committed later, or never.
    case_id         uuid,
    -- Role and code of who uploaded it for a report or a reply.
    uploader        text,
    -- Whether the public may see it once the case is registered. Pictures of reports and replies always may be seen.
    shown_with_text boolean     NOT NULL,
    -- Whether it is known to be wanted: the upload was completed, or the submission was found committed a day later.
    settled         boolean     NOT NULL DEFAULT false,
    -- Since when it is to be deleted; nobody is shown it from then on.
    doomed_at       timestamptz,
    CONSTRAINT pictures_object_once PRIMARY KEY (object_id),
    CONSTRAINT pictures_come_with_a_case_or_from_an_uploader CHECK ((case_id IS NULL) <> (uploader IS NULL))
);

CREATE INDEX pictures_by_id ON pictures (picture_id) WHERE doomed_at IS NULL;
CREATE INDEX pictures_by_case ON pictures (case_id) WHERE case_id IS NOT NULL;
-- For the two sweeps; both are short.
CREATE INDEX pictures_unsettled ON pictures (stored_at) WHERE NOT settled AND doomed_at IS NULL;
CREATE INDEX pictures_doomed ON pictures (doomed_at) WHERE doomed_at IS NOT NULL;
