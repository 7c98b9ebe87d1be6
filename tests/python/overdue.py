"""Says which answers came too late, by PyPI's `chinesecalendar` and nothing of ours.

Reads lines "id assigned_at working_days replied_at" from standard input, times as in 2018-09-26T10:15:45 (Asia/Shanghai), and
prints "id 1" for a reply after the last working day of its time, and "id 0" for one within it.
"""

import datetime
import sys

import chinese_calendar


def last_day(assigned_on: datetime.date, working_days: int) -> datetime.date:
    day = assigned_on
    while working_days > 0:
        day += datetime.timedelta(days=1)
        if chinese_calendar.is_workday(day):
            working_days -= 1
    return day


def main() -> None:
    for line in sys.stdin:
        case, assigned_at, working_days, replied_at = line.split()
        assigned_on = datetime.datetime.fromisoformat(assigned_at).date()
        replied_on = datetime.datetime.fromisoformat(replied_at).date()
        print(case, int(replied_on > last_day(assigned_on, int(working_days))))


if __name__ == "__main__":
    main()
