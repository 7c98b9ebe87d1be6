-- Lists by state, latest submission first. The price is that a change of state is no longer a heap-only update.
CREATE INDEX cases_of_state ON cases (state, submitted_at DESC, case_id DESC);

-- Version of the latest erasure, 0 without one: the citizen's texts of versions before it are gone from `texts`.
ALTER TABLE cases ADD COLUMN erased_before bigint NOT NULL DEFAULT 0;

-- Erasures that were entered before texts went with them. A quote within a text is escaped in JSON, so this is in no
-- leaf of another type.
UPDATE cases SET erased_before = erased.case_version
  FROM (SELECT case_id, max(case_version) AS case_version FROM leaves
         WHERE position('"type":"PrivatePartErased"'::bytea IN leaf) > 0 GROUP BY case_id) AS erased
 WHERE cases.case_id = erased.case_id;
DELETE FROM texts USING cases
 WHERE cases.erased_before > 0 AND texts.case_id = cases.case_id AND texts.case_version < cases.erased_before
   AND texts.name IN ('title', 'body', 'comment');
