"""A department in Python: watches what is given to it, is cut off for a while, goes on where it was, and replies twice.

Usage: watch_assignments.py DIRECTORY_FOR_GENERATED_CODE, with the addresses in HUYING_INTAKE, HUYING_ROUTING, HUYING_LEDGER
(host:port) and tokens in TOKEN_DEPARTMENT and TOKEN_OFFICE.
"""

import os
import pathlib
import sys
import threading
import uuid

import grpc

from handle_a_case import channel, generate, until

UNIT = "150802001-general"
CASES_BEFORE, CASES_MEANWHILE, CASES_AFTER = 5, 7, 3


def main() -> None:
    generate(pathlib.Path(sys.argv[1]))
    from huying.events.v1 import types_pb2
    from huying.intake.v1 import intake_pb2, intake_pb2_grpc
    from huying.ledger.v1 import ledger_pb2, ledger_pb2_grpc
    from huying.routing.v1 import cases_pb2, cases_pb2_grpc

    intake = intake_pb2_grpc.IntakeServiceStub(channel("INTAKE"))
    ledger = ledger_pb2_grpc.LedgerServiceStub(channel("LEDGER"))
    department = [("authorization", f"Bearer {os.environ['TOKEN_DEPARTMENT']}")]
    office = [("authorization", f"Bearer {os.environ['TOKEN_OFFICE']}")]

    def submit(count: int) -> list:
        return [intake.SubmitCase(intake_pb2.SubmitCaseRequest(
            idempotency_key=str(uuid.uuid4()), kind=types_pb2.CASE_KIND_MESSAGE, region_code="150802001",
            title=f"第{n}户没有暖气", body="室内只有十四度。", publication=types_pb2.PUBLICATION_PUBLIC))
            for n in range(count)]

    class Watcher:
        """Watches on a connection of its own from a cursor on, and writes down what it is told."""

        def __init__(self, after: int):
            self.seen = []
            self.channel = grpc.insecure_channel(os.environ["HUYING_ROUTING"])
            stub = cases_pb2_grpc.CaseServiceStub(self.channel)
            request = cases_pb2.WatchAssignmentsRequest(unit=UNIT, after_cursor=after)
            self.stream = stub.WatchAssignments(request, metadata=department)
            self.thread = threading.Thread(target=self.run, daemon=True)
            self.thread.start()

        def run(self):
            try:
                for answer in self.stream:
                    if answer.HasField("assignment"):
                        self.seen.append(answer.assignment)
            except grpc.RpcError as error:
                assert error.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE), error

        def cut_off(self):
            self.stream.cancel()
            self.channel.close()
            self.thread.join()

    receipts = submit(CASES_BEFORE)
    watcher = Watcher(after=0)
    until("the first assignments", lambda: len(watcher.seen) >= CASES_BEFORE)
    watcher.cut_off()
    seen = list(watcher.seen)

    receipts += submit(CASES_MEANWHILE)
    watcher = Watcher(after=seen[-1].cursor)
    receipts += submit(CASES_AFTER)
    total = CASES_BEFORE + CASES_MEANWHILE + CASES_AFTER
    until("all assignments", lambda: len(seen) + len(watcher.seen) >= total)

    # A case that is given to another department is taken from this one, which is told once.
    routing = cases_pb2_grpc.CaseServiceStub(channel("ROUTING"))

    def command(case_id: str):
        return cases_pb2.Command(request_id=str(uuid.uuid4()), case_id=case_id)

    taken = receipts[0].case_id
    routing.EscalateCase(cases_pb2.EscalateCaseRequest(command=command(taken), reason="超出本级权限"), metadata=office)
    until("the release", lambda: len(seen) + len(watcher.seen) >= total + 1)
    watcher.cut_off()
    seen += watcher.seen

    assert [one.cursor for one in seen] == list(range(1, total + 2)), [one.cursor for one in seen]
    leads = [one.case_id for one in seen if one.kind == cases_pb2.ASSIGNMENT_KIND_LEAD]
    assert sorted(leads) == sorted(receipt.case_id for receipt in receipts), leads
    assert [one.case_id for one in seen if one.kind == cases_pb2.ASSIGNMENT_KIND_RELEASED] == [taken], seen
    assert all(one.deadline_at_us > one.occurred_at_us for one in seen[:-1])

    try:
        routing.ReplyCase(cases_pb2.ReplyCaseRequest(command=command(taken), text="已恢复供暖。"), metadata=department)
        raise AssertionError("a department replied to a case that is not its own any more")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error

    mine = receipts[1]
    routing.AcceptCase(cases_pb2.AcceptCaseRequest(command=command(mine.case_id)), metadata=department)
    reply = cases_pb2.ReplyCaseRequest(command=command(mine.case_id), text="已恢复供暖，室内二十度。")
    first = routing.ReplyCase(reply, metadata=department)
    again = routing.ReplyCase(reply, metadata=department)
    assert first == again, (first, again)
    try:
        reply.text = "另一个答复"
        routing.ReplyCase(reply, metadata=department)
        raise AssertionError("a request id was taken for another request")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.ALREADY_EXISTS, error

    tracked = until("the citizen has the reply", lambda: (
        lambda answer: answer if answer.state == types_pb2.CASE_STATE_REPLIED else None)(
        intake.TrackCase(intake_pb2.TrackCaseRequest(receipt_code=mine.receipt_code))))
    assert tracked.reply == "已恢复供暖，室内二十度。", tracked
    version = first.outcome.case_version

    def told():
        lines = ledger.GetCase(ledger_pb2.GetCaseRequest(case_id=mine.case_id)).lines
        return lines if len(lines) >= version else None

    lines = until("in the ledger", told)
    assert [line.event_type for line in lines].count("CaseReplied") == 1, lines
    print("watched", len(seen), "assignments, each once")


main()
