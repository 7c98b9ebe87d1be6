-- Cases of a category that few have, with a word that most cases have. Paths are compared byte by byte, so that those below
-- one are a range.
CREATE INDEX cases_of_category ON cases (category COLLATE "C", submitted_at DESC, case_id DESC);
