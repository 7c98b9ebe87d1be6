-- What waits for a unit now: few cases of all that a unit ever had. The states are Submitted, Registered, Assigned and
-- InHandling; a change of state is in an index already, so this one costs a case some entries while it is open and none
-- afterwards.
CREATE INDEX cases_open_of_unit ON cases (responsible_unit) WHERE state IN (1, 2, 3, 4);
