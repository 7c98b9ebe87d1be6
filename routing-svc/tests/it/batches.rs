//! Many commands at once.

use huying_proto::{
    events::v1::CaseState,
    routing::v1::{
        self as proto, BatchCommandsRequest, BatchedCommand, CommandOutcome, CommandRefusal,
        batch_result::Result as Answer, batched_command::Request,
    },
};
use tonic::{Code, Status};

use super::{
    acts::{HOUSING, OFFICE},
    town::{Town, command, fields},
};

fn batch(requests: Vec<Request>) -> BatchCommandsRequest {
    let commands = requests.into_iter().map(|request| BatchedCommand { request: Some(request) }).collect();
    BatchCommandsRequest { commands }
}

async fn run(
    town: &Town,
    role: &str,
    code: &str,
    request: BatchCommandsRequest,
) -> Result<Vec<Answer>, Status> {
    let response = town.cases().batch_commands(town.call(role, code, request)).await?.into_inner();
    Ok(response.results.into_iter().map(|result| result.result.unwrap()).collect())
}

fn outcome(answer: &Answer) -> &CommandOutcome {
    let Answer::Outcome(outcome) = answer else { panic!("{answer:?}") };
    outcome
}

fn refusal(answer: &Answer) -> &CommandRefusal {
    let Answer::Refusal(refusal) = answer else { panic!("{answer:?}") };
    refusal
}

fn register(case_id: &str) -> Request {
    Request::RegisterCase(proto::RegisterCaseRequest { command: command(case_id) })
}

fn assign(case_id: &str, unit: &str) -> Request {
    let request =
        proto::AssignCaseRequest { command: command(case_id), unit: unit.into(), ..Default::default() };
    Request::AssignCase(request)
}

fn accept(case_id: &str) -> Request {
    Request::AcceptCase(proto::AcceptCaseRequest { command: command(case_id) })
}

#[tokio::test]
async fn each_command_of_a_batch_has_an_answer_of_its_own() {
    let town = Town::start().await;
    let (queued, assigned, other) = (town.queued().await, town.assigned().await, town.queued().await);
    let unknown = uuid::Uuid::now_v7().to_string();
    let mut stale = command(&other).unwrap();
    stale.expected_version = Some(1);
    let answers = run(
        &town,
        "office",
        OFFICE,
        batch(vec![
            register(&queued),
            // Decided on what the one before it left.
            assign(&queued, HOUSING),
            register(&assigned),
            register(&unknown),
            accept(&queued),
            assign("7", "住建局"),
            Request::RegisterCase(proto::RegisterCaseRequest { command: Some(stale) }),
            register(&other),
        ]),
    )
    .await
    .unwrap();
    assert_eq!(outcome(&answers[0]).standing.as_ref().unwrap().state(), CaseState::Registered);
    assert_eq!(outcome(&answers[1]).standing.as_ref().unwrap().state(), CaseState::Assigned);
    assert_eq!(outcome(&answers[1]).case_version, 4);
    let not_now = refusal(&answers[2]);
    assert_eq!(
        (not_now.code, not_now.reason.as_str()),
        (Code::FailedPrecondition as i32, "COMMAND_NOT_ALLOWED")
    );
    assert_eq!(not_now.metadata["state"], "ASSIGNED");
    assert_eq!(refusal(&answers[3]).reason, "CASE_NOT_FOUND");
    assert_eq!(refusal(&answers[4]).reason, "OUT_OF_SCOPE");
    let faulty: Vec<&str> = refusal(&answers[5]).fields.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(faulty, ["command.case_id", "unit"]);
    assert_eq!(refusal(&answers[5]).code, Code::InvalidArgument as i32);
    assert_eq!(refusal(&answers[6]).metadata["current_version"], "2");
    assert_eq!(outcome(&answers[7]).case_version, 3);

    assert_eq!(town.event_names_of(&queued).await, ["CaseQueued", "CaseRegistered", "CaseAssigned"]);
    assert_eq!(town.count("SELECT count(*) FROM command_requests").await, 3);
    town.house.stop().await;
}

#[tokio::test]
async fn a_batch_that_comes_again_acts_once_and_so_does_one_of_its_commands() {
    let town = Town::start().await;
    let mut cases = Vec::new();
    for _ in 0..3 {
        cases.push(town.assigned().await);
    }
    let request = batch(cases.iter().map(|case_id| accept(case_id)).collect());
    let first = run(&town, "department", HOUSING, request.clone()).await.unwrap();
    let again = run(&town, "department", HOUSING, request.clone()).await.unwrap();
    assert_eq!(first, again);
    let Some(Request::AcceptCase(single)) = request.commands[1].request.clone() else {
        panic!("{request:?}")
    };
    let single = town.cases().accept_case(town.call("department", HOUSING, single)).await.unwrap();
    assert_eq!(&single.into_inner().outcome.unwrap(), outcome(&first[1]));
    assert_eq!(town.event_names_of(&cases[1]).await, ["CaseRegistered", "CaseAssigned", "CaseAccepted"]);
    town.house.stop().await;
}

#[tokio::test]
async fn commands_of_a_batch_may_bind_cases_to_each_other() {
    let town = Town::start().await;
    let (primary, merged) = (town.queued().await, town.queued().await);
    let merge = |case_id: &str, into: &str| {
        Request::MergeCase(proto::MergeCaseRequest {
            command: command(case_id),
            into_case_id: into.into(),
            reason: "同一事项".into(),
        })
    };
    let answers = run(
        &town,
        "office",
        OFFICE,
        batch(vec![
            register(&primary),
            merge(&merged, &primary),
            assign(&primary, HOUSING),
            register(&merged),
        ]),
    )
    .await
    .unwrap();
    assert_eq!(outcome(&answers[2]).standing.as_ref().unwrap().petitioner_count, 2);
    assert_eq!(refusal(&answers[3]).metadata["state"], "MERGED");
    assert_eq!(town.case(&merged).await.standing.unwrap().merged_into, primary);
    town.house.stop().await;
}

#[tokio::test]
async fn five_hundred_commands_fit_and_one_more_does_not() {
    let town = Town::start().await;
    let mut events = Vec::new();
    for _ in 0..500 {
        events.push(town.submitted("城乡建设/供热"));
    }
    town.take_up_all(&events).await;
    let mut requests: Vec<Request> = events.iter().map(|event| accept(&event.case_id)).collect();
    let answers = run(&town, "department", HOUSING, batch(requests.clone())).await.unwrap();
    assert!(answers.iter().all(|answer| outcome(answer).case_version == 4));

    requests.push(accept(&events[0].case_id));
    let refused = run(&town, "department", HOUSING, batch(requests)).await.unwrap_err();
    assert_eq!(fields(&refused), ["commands"]);
    let refused = run(&town, "department", HOUSING, batch(Vec::new())).await.unwrap_err();
    assert_eq!(fields(&refused), ["commands"]);
    town.house.stop().await;
}

#[tokio::test]
async fn request_ids_of_a_batch_differ() {
    let town = Town::start().await;
    let (one, other) = (town.assigned().await, town.assigned().await);
    let Request::AcceptCase(mut double) = accept(&other) else { panic!() };
    let first = accept(&one);
    let Request::AcceptCase(original) = &first else { panic!() };
    double.command.as_mut().unwrap().request_id = original.command.as_ref().unwrap().request_id.clone();
    let request = batch(vec![first, assign("7", "x"), Request::AcceptCase(double)]);
    let refused = run(&town, "department", HOUSING, request).await.unwrap_err();
    assert_eq!(fields(&refused), ["commands[2].command.request_id"]);
    assert_eq!(town.event_names_of(&one).await.len(), 2);
    town.house.stop().await;
}

#[tokio::test]
async fn batches_over_the_same_cases_in_other_orders_wait_for_each_other() {
    let town = Town::start().await;
    let mut cases = Vec::new();
    for _ in 0..40 {
        cases.push(town.assigned().await);
    }
    let mut calls = Vec::new();
    for number in 0..6 {
        let mut order = cases.clone();
        order.rotate_left(number * 7);
        if number % 2 == 1 {
            order.reverse();
        }
        let progress = |case_id: &String| {
            Request::ReportProgress(proto::ReportProgressRequest {
                command: command(case_id),
                text: format!("第{number}次到现场。"),
                pictures: Vec::new(),
            })
        };
        let request = town.call("department", HOUSING, batch(order.iter().map(progress).collect()));
        let mut client = town.cases();
        calls.push(tokio::spawn(async move { client.batch_commands(request).await }));
    }
    for call in calls {
        let results = call.await.unwrap().unwrap().into_inner().results;
        assert!(
            results.iter().all(|result| matches!(result.result, Some(Answer::Outcome(_)))),
            "{results:?}"
        );
    }
    for case_id in &cases {
        assert_eq!(town.events_of(case_id).await.len(), 2 + 6);
    }
    town.house.stop().await;
}
