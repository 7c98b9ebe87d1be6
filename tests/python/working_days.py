"""The working days of China as others count them, for comparison with Huying's own calendar.

Usage: working_days.py

Prints a line for every day that a source knows: SOURCE DATE OFFSET..., the offsets in days of the first to the thirtieth
working day after it. A line has fewer offsets where the next working day lies beyond what the source knows.

The sources know nothing of each other:
- chinesecalendar: a table kept by hand from the State Council's notices; taken for 2007 to 2026.
- holidays: the Vacanza team's rules of the law, with a table of the days that each notice moved; taken for 2007 to 2026,
  and for 2027, which is not announced, as the law alone gives it.
"""

import bisect
import datetime

import chinese_calendar
import holidays

FIRST = datetime.date(2007, 1, 1)
LAST_ANNOUNCED = datetime.date(2026, 12, 31)
LAST_BY_LAW = datetime.date(2027, 12, 31)
COUNTED = 30


def days(last: datetime.date) -> list[datetime.date]:
    return [FIRST + datetime.timedelta(days=offset) for offset in range((last - FIRST).days + 1)]


def print_source(source: str, last: datetime.date, is_working_day) -> None:
    working_days = [day for day in days(last) if is_working_day(day)]
    for day in days(last):
        begin = bisect.bisect_right(working_days, day)
        offsets = [(working_day - day).days for working_day in working_days[begin:begin + COUNTED]]
        print(source, day, *offsets)


def main() -> None:
    # It raises for a year it does not know, rather than guess.
    print_source("chinesecalendar", LAST_ANNOUNCED, chinese_calendar.is_workday)
    of_china = holidays.country_holidays("CN", years=range(FIRST.year, LAST_BY_LAW.year + 1))
    print_source("holidays", LAST_BY_LAW, of_china.is_working_day)


main()
