"""Figures recomputed from the leaves that the log serves, by nothing of Huying's.

Usage: figures.py BASE_URL

Fetches the entry bundles of the log, counts units, regions, representatives and what went from unit to unit, in all and
month by month, and compares with /units.jsonl, /regions.jsonl, /representatives.jsonl and /flows.jsonl, line by line, and
with the rates that the pages of units show. Prints how much was compared. Fails at the first difference.
"""

import collections
import datetime
import html
import json
import re
import sys
import urllib.request

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
OPEN = ("submitted", "registered", "assigned", "in_handling")
OVER = ("closed", "declined", "withdrawn")
TIMES = {"CaseReturned": "returned", "ExtensionGranted": "extensions_granted", "CaseSupervised": "supervised",
         "CriticismCirculated": "criticised"}
TIMES_OF_UNITS = {"CaseUrged": "urged", "ExtensionRequested": "extensions_requested", "PartAnswered": "parts_answered"}
DEADLINES_OF_UNITS = ("register", "assign", "reply", "part")


def fetch(path: str) -> bytes:
    with urllib.request.urlopen(sys.argv[1] + path, timeout=30) as answer:
        return answer.read()


def tile_index(index: int) -> str:
    """As C2SP tlog-tiles writes it: 1234067 is x001/x234/067."""
    groups = f"{index:,}".split(",")
    return "/".join([f"x{group:0>3}" for group in groups[:-1]] + [f"{groups[-1]:0>3}"])


def histories() -> tuple[int, list[list[dict]]]:
    """Size of the tree, and the leaves of each case in the order of its versions."""
    size = int(fetch("/log/checkpoint").split(b"\n")[1])
    cases = collections.defaultdict(list)
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        bundle = fetch(f"/log/tile/entries/{tile_index(index)}" + ("" if width == 256 else f".p/{width}"))
        at = 0
        while at < len(bundle):
            length = int.from_bytes(bundle[at:at + 2], "big")
            leaf = json.loads(bundle[at + 2:at + 2 + length])
            cases[leaf["case_id"]].append(leaf)
            at += 2 + length
    return size, list(cases.values())


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


class Row(collections.Counter):
    """One case, for somebody who counts it: flags and times by their name, and when it was received and replied to."""

    received_at = replied_at = None

    def receive(self, at: datetime.datetime) -> None:
        self.received_at = self.received_at or at
        self["received"] = 1

    def reply(self, at: datetime.datetime, in_time: bool) -> None:
        """What somebody replies to who never had it is answered along with the case it is part of."""
        if not self.received_at:
            self["answered_along"] = 1
        elif not self.replied_at:
            self.replied_at = at
            self["replied"], self["replied_in_time"] = 1, int(in_time)

    def rate(self, details: dict) -> None:
        self["rated"], self["resolved"], self["satisfied"] = 1, details["resolved"], details["satisfied"]

    def end(self, state: str | None, is_overdue: bool | None, is_its_turn: bool) -> None:
        """What has become of it by now."""
        if self["replied"]:
            self["answered_along"] = 0
        if not self["replied"] and not self["answered_along"]:
            # Only an answer is judged.
            self["rated"] = self["resolved"] = self["satisfied"] = 0
        elif not self["rated"]:
            self["silent" if state in OVER else "awaiting_rating"] = 1
        if self.received_at and state in ("declined", "withdrawn"):
            self[state] = 1
        self["open"] = int(is_its_turn and state in (None, *OPEN))
        self["overdue"] = int(self["open"] and bool(is_overdue))


def way(leaf: dict) -> tuple[str, str, str] | None:
    """How a case went from whom to whom. What goes on as part of another case goes no way of its own."""
    details, kind = leaf["details"], leaf["type"]
    if leaf["standing"]["state"] == "merged":
        return None
    if kind in ("CaseDelegated", "CaseEscalated"):
        return kind[4:].lower(), details["from_office"], details["to_office"]
    if kind == "CaseTransferred":
        return "transferred", details["from_unit"], details["to_unit"]
    if kind == "CaseReturned":
        return "returned", details["unit"], leaf["standing"]["holder_office"]
    return None


def follow(leaves: list[dict], flows: collections.Counter) -> tuple[Row, dict[str, Row], dict[str, dict]]:
    """What one case is for its regions, its units and its representatives; and what it adds to the flows."""
    case, units, people = Row(), collections.defaultdict(Row), collections.defaultdict(collections.Counter)
    case.receive(moment(leaves[0]["submitted_at"]))
    addressee = leaves[0]["addressee"] or {}
    if addressee.get("kind") == "representative":
        people[addressee["code"]]["received_at"] = case.received_at
    before, of_stage, of_whole, repliers = {}, None, None, []
    for leaf in leaves[1:]:
        at, details, kind = moment(leaf["occurred_at"]), leaf["details"], leaf["type"]
        standing, actor = leaf["standing"], leaf["actor"]
        held = before.get("holder_office"), before.get("responsible_unit")
        for unit in (standing["holder_office"], standing["responsible_unit"]):
            if unit and unit not in held:
                units[unit].receive(at)
        if kind in TIMES:
            case[TIMES[kind]] += 1
            units[details["unit"]][TIMES[kind]] += 1
        if kind in TIMES_OF_UNITS:
            units[details["unit"]][TIMES_OF_UNITS[kind]] += 1
        if kind == "CaseTransferred":
            units[details["from_unit"]]["transferred"] += 1
        if kind == "DeadlineExpired" and details["kind"] in DEADLINES_OF_UNITS:
            units[details["unit"]]["expired"] += 1
        for part in details.get("parts", ()):
            units[part["unit"]]["parts"] += 1
        if went := way(leaf):
            flows[(month(at), *went)] += 1
        if kind == "CaseReplied":
            case.reply(at, all(at <= moment(deadline) for deadline in (of_stage, of_whole) if deadline))
            own = of_stage or of_whole
            repliers = [unit for unit in (details["unit"], standing["holder_office"]) if unit]
            for unit in repliers:
                units[unit].reply(at, not own or at <= moment(own))
        if kind == "CaseRated":
            for row in (case, *(units[unit] for unit in repliers)):
                row.rate(details)
        who = details.get("representative_code") or (actor["role"] == "representative" and actor["code"])
        if who and kind != "PrivatePartRead":
            person = people[who]
            person["last_act_at"] = max(at, person.get("last_act_at", at))
            if kind == "CaseClaimed":
                person.setdefault("claimed_at", at)
            if kind in ("ProgressReported", "CaseReplied"):
                person.setdefault("answered_at", at)
            person["urged"] += kind == "CaseUrged"
            person["progress_reported"] += kind == "ProgressReported"
        of_stage, ran = standing.get("deadline_at"), of_whole
        # What goes on as part of another case is judged by the time that its own citizen was told.
        of_whole = standing.get("case_deadline_at") or (ran if standing["state"] == "merged" else None)
        before = standing
    state, is_overdue = before.get("state"), before.get("overdue")
    case.end(state, is_overdue, True)
    for unit, row in units.items():
        row.end(state, is_overdue, unit == before.get("responsible_unit"))
    return case, units, people


def median(times: list[tuple]) -> int | None:
    """The shortest time, in whole seconds rounded up, that half of them do not exceed."""
    micros = sorted(max(0, (end - begin) // datetime.timedelta(microseconds=1)) for begin, end in times)
    return -(-micros[(len(micros) - 1) // 2] // 1_000_000) if micros else None


def month(at: datetime.datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m}"


def percent(share: int, of: int) -> float | None:
    """With one decimal, rounded half up; a share of nothing is none."""
    return (share * 2000 + of) // (of * 2) / 10 if of else None


def count(rows: list[Row]) -> dict:
    total = sum(rows, collections.Counter())
    assert total["rated"] + total["awaiting_rating"] + total["silent"] == total["replied"] + total["answered_along"]
    for rate, share, of in RATES:
        total[rate] = percent(total[share], total[of])
    total["median_reply_seconds"] = median(
        [(row.received_at, row.replied_at) for row in rows if row.received_at and row.replied_at])
    return total


def count_people(rows: list[tuple]) -> dict:
    total = collections.Counter()
    answered, acts = [], []
    for person, case in rows:
        total["urged"] += person["urged"]
        total["progress_reported"] += person["progress_reported"]
        acts += [person["last_act_at"]] if "last_act_at" in person else []
        taken_on_at = person.get("received_at") or person.get("claimed_at")
        if taken_on_at:
            total["taken_on"] += 1
            total["received"] += "received_at" in person
            total["claimed"] += "claimed_at" in person
            for flag in ("replied", "rated", "resolved", "satisfied"):
                total[flag] += case[flag]
            if "answered_at" in person:
                answered.append((taken_on_at, person["answered_at"]))
    total["answered"] = len(answered)
    total["median_answer_seconds"] = median(answered)
    total["last_act_at"] = max(acts, default=None)
    return total


def compare(path: str, key: str, expected: dict[str, dict], fields: tuple[str, ...], size: int) -> int:
    """Every line of a file with what was recomputed; who is not in it has to have no figures."""
    *lines, end = (json.loads(line) for line in fetch(path).splitlines())
    assert end == {"end": True, "rows": len(lines)}, (path, end)
    assert set(expected) <= {line[key] for line in lines}, (path, set(expected) - {line[key] for line in lines})
    for line in lines:
        assert line["tree_size"] == size, (path, line, size)
        counts = expected.get(line[key], collections.Counter())
        for field in fields:
            told, recomputed = line[field], counts[field] if field in counts else None
            if field == "last_act_at":
                told = told and moment(told)
            elif not field.startswith("median") and not field.endswith("percent"):
                recomputed = recomputed or 0
            assert told == recomputed, (path, line[key], field, told, recomputed)
    return len(lines) * len(fields)


RATES = (("response_rate_percent", "replied", "received"), ("timeliness_rate_percent", "replied_in_time", "replied"),
         ("resolution_rate_percent", "resolved", "rated"), ("satisfaction_rate_percent", "satisfied", "rated"))
SHOWN = RATES[:1] + RATES[2:]
COUNTS = ("received", "replied", "replied_in_time", "rated", "resolved", "satisfied", "silent", "awaiting_rating", "open",
          "overdue", "declined", "withdrawn", "returned", "extensions_granted", "supervised", "criticised",
          "median_reply_seconds", *(rate for rate, _, _ in RATES))
COUNTS_OF_UNITS = (*COUNTS, "answered_along", "expired", "parts", "parts_answered", "transferred",
                   "extensions_requested", "urged")
DUTIES = ("received", "claimed", "taken_on", "answered", "replied", "urged", "progress_reported", "rated", "resolved",
          "satisfied", "median_answer_seconds", "last_act_at")


def compare_page(path: str, counts: dict) -> int:
    """The rates of a page, each as a fraction such as 1 ÷ 2."""
    page = html.unescape(re.sub(r"<[^>]*>", " ", fetch(path).decode()))
    fractions = {(int(share), int(of)) for share, of in re.findall(r"(\d+) ÷ (\d+)", page)}
    wanted = {(counts[share], counts[of]) for _, share, of in SHOWN if counts[of]}
    assert wanted <= fractions, (path, wanted - fractions)
    return len(wanted)


def compare_flows(flows: collections.Counter, size: int) -> int:
    *lines, end = (json.loads(line) for line in fetch("/flows.jsonl").splitlines())
    assert end == {"end": True, "rows": len(lines)}, end
    assert all(line["tree_size"] == size for line in lines)
    told = {tuple(line[name] for name in ("month", "kind", "from_unit", "to_unit")): line["times"] for line in lines}
    assert told == flows and len(told) == len(lines), (told, flows)
    return len(lines)


def main() -> None:
    size, cases = histories()
    # By the month, or None for all time: by code: rows.
    units, regions, people = ({None: collections.defaultdict(list)} for _ in range(3))
    flows = collections.Counter()

    def tell(of: dict, code: str, at: datetime.datetime | None, row) -> None:
        for when in {None, at and month(at)}:
            of.setdefault(when, collections.defaultdict(list))[code].append(row)

    for leaves in cases:
        case, rows, persons = follow(leaves, flows)
        for code in filter(None, leaves[0]["region"].values()):
            tell(regions, code, case.received_at, case)
        for code, row in rows.items():
            tell(units, code, row.received_at, row)
        for code, person in persons.items():
            taken_on = [person[at] for at in ("received_at", "claimed_at") if at in person]
            tell(people, code, min(taken_on, default=None), (person, case))

    compared = compare_flows(flows, size)
    for name, key, rows, counted, fields in (
            ("units", "unit", units, count, COUNTS_OF_UNITS), ("regions", "region", regions, count, COUNTS),
            ("representatives", "representative", people, count_people, DUTIES)):
        for when, by_code in rows.items():
            expected = {code: counted(of_code) for code, of_code in by_code.items()}
            path = f"/{name}.jsonl" + (f"?month={when}" if when else "")
            compared += compare(path, key, expected, fields, size)
            if name == "units" and not when:
                compared += sum(compare_page(f"/units/{code}", counts) for code, counts in expected.items())
    print(f"{size} leaves of {len(cases)} cases, {compared} figures")


if __name__ == "__main__":
    main()
