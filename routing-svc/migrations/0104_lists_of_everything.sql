-- Deadlines that end with a day are the same for all cases of that day. For a page that begins among them the planner
-- expects next to nothing after that place, takes the index of everything for as good as the one of an addressee, and
-- then looks through all cases for a few of one station. So that index is for those alone who ask for everything, which
-- they do by naming its condition: every row meets it, and the planner does not know that.
DROP INDEX cases_by_deadline;
CREATE INDEX cases_of_everybody_by_deadline ON cases (due_at, case_id) WHERE version > 0;
