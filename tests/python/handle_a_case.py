"""A department's client in Python, made from the protos by grpcio-tools: submits, handles and reads one case.

Usage: handle_a_case.py DIRECTORY_FOR_GENERATED_CODE, with the addresses in HUYING_INTAKE, HUYING_ROUTING and
HUYING_LEDGER (host:port) and tokens in TOKEN_DEPARTMENT and TOKEN_OFFICE.
"""

import os
import pathlib
import sys
import time
import uuid

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def generate(directory: pathlib.Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    files = [str(path.relative_to(PROTO)) for path in sorted(PROTO.glob("huying/**/*.proto"))]
    status = protoc.main(["protoc", f"-I{PROTO}", f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}",
                          f"--python_out={directory}", f"--grpc_python_out={directory}", *files])
    assert status == 0, "protoc failed"
    sys.path.insert(0, str(directory))


def channel(service: str) -> grpc.Channel:
    return grpc.insecure_channel(os.environ[f"HUYING_{service}"])


def until(what: str, condition):
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within 30 s: {what}")


def main() -> None:
    generate(pathlib.Path(sys.argv[1]))
    from huying.events.v1 import types_pb2
    from huying.intake.v1 import intake_pb2, intake_pb2_grpc
    from huying.ledger.v1 import ledger_pb2, ledger_pb2_grpc
    from huying.routing.v1 import cases_pb2, cases_pb2_grpc

    health = health_pb2_grpc.HealthStub(channel("ROUTING"))
    answer = health.Check(health_pb2.HealthCheckRequest(service="huying.routing.v1.CaseService"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer
    reflected = ProtoReflectionDescriptorDatabase(channel("ROUTING")).get_services()
    assert "huying.routing.v1.CaseService" in reflected, reflected

    intake = intake_pb2_grpc.IntakeServiceStub(channel("INTAKE"))
    routing = cases_pb2_grpc.CaseServiceStub(channel("ROUTING"))
    ledger = ledger_pb2_grpc.LedgerServiceStub(channel("LEDGER"))
    department = [("authorization", f"Bearer {os.environ['TOKEN_DEPARTMENT']}")]
    office = [("authorization", f"Bearer {os.environ['TOKEN_OFFICE']}")]

    try:
        intake.SubmitCase(intake_pb2.SubmitCaseRequest(idempotency_key=str(uuid.uuid4()), region_code="999999"))
        raise AssertionError("a faulty submission was taken")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        assert "region_code" in error.details() and "title" in error.details(), error.details()

    receipt = intake.SubmitCase(intake_pb2.SubmitCaseRequest(
        idempotency_key=str(uuid.uuid4()), kind=types_pb2.CASE_KIND_MESSAGE, region_code="150802001",
        title="村口的桥栏杆松了", body="骑三轮车的老人差点掉下去。",
        publication=types_pb2.PUBLICATION_PUBLIC))
    until("assigned", lambda: intake.TrackCase(
        intake_pb2.TrackCaseRequest(receipt_code=receipt.receipt_code)).state == types_pb2.CASE_STATE_ASSIGNED)

    def command():
        return cases_pb2.Command(request_id=str(uuid.uuid4()), case_id=receipt.case_id)

    work = routing.ListCases(cases_pb2.ListCasesRequest(unit="150802001-general"), metadata=department)
    assert receipt.case_id in [case.case_id for case in work.cases]
    routing.AcceptCase(cases_pb2.AcceptCaseRequest(command=command()), metadata=department)
    routing.ReportProgress(cases_pb2.ReportProgressRequest(command=command(), text="已派人查看。"), metadata=department)
    reply = cases_pb2.ReplyCaseRequest(command=command(), text="栏杆已加固。")
    first = routing.ReplyCase(reply, metadata=department)
    again = routing.ReplyCase(reply, metadata=department)
    assert first == again and first.outcome.case_version == 6, (first, again)
    routing.CloseCase(cases_pb2.CloseCaseRequest(command=command()), metadata=office)

    case = routing.GetCase(cases_pb2.GetCaseRequest(case_id=receipt.case_id), metadata=department)
    assert [event.case_version for event in case.history] == [2, 3, 4, 5, 6, 7], case.history

    def told():
        try:
            lines = ledger.GetCase(ledger_pb2.GetCaseRequest(case_id=receipt.case_id)).lines
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
            return None
        return lines if len(lines) == 7 else None

    lines = until("in the ledger", told)
    assert lines[-1].event_type == "CaseClosed", lines[-1]
    print("submitted, handled and read", receipt.case_id)


if __name__ == "__main__":
    main()
