//! What offices, departments and representatives of the town do, each by one line of a test.

use huying_proto::routing::v1::{self as proto, CommandOutcome, PartOrder};
use tonic::Status;

use super::town::{Town, command};

/// The office and the department of the township that cases of the town begin in.
pub(crate) const OFFICE: &str = "150802001-office";
pub(crate) const HOUSING: &str = "150802001-housing";
/// A second department of the township, of which it has none at first.
pub(crate) const ROADS: &str = "150802001-roads";

type Outcome = Result<CommandOutcome, Status>;

impl Town {
    /// Gives the township a second department.
    pub(crate) async fn with_roads(self) -> Self {
        let units = format!("{}{ROADS},团结街道交通办,150802001,department,roads\n", super::town::UNITS);
        self.import(&[(proto::DirectoryFile::Units, &units)]).await.unwrap();
        self
    }

    pub(crate) async fn transfer(&self, case_id: &str, unit: &str) -> Outcome {
        let request = proto::TransferCaseRequest {
            command: command(case_id),
            unit: unit.into(),
            reason: "职责所在".into(),
        };
        let response = self.cases().transfer_case(self.call("office", OFFICE, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn escalate(&self, office: &str, case_id: &str) -> Outcome {
        let request = proto::EscalateCaseRequest { command: command(case_id), reason: "权限不足".into() };
        let response = self.cases().escalate_case(self.call("office", office, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn give_back(&self, case_id: &str) -> Outcome {
        let request = proto::ReturnCaseRequest {
            command: command(case_id),
            legal_basis: "城镇供热条例第八条".into(),
            proposed_unit: "150802-housing".into(),
        };
        let response = self.cases().return_case(self.call("department", HOUSING, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn assign_part(&self, case_id: &str, unit: &str) -> Outcome {
        let part = PartOrder { unit: unit.into(), task: "查明路面情况".into(), answer_within: None };
        let request =
            proto::AssignPartRequest { command: command(case_id), part: Some(part), parent_part_number: 0 };
        let response = self.cases().assign_part(self.call("department", HOUSING, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn answer_part(&self, case_id: &str, unit: &str, part_number: u32) -> Outcome {
        let request = proto::AnswerPartRequest {
            command: command(case_id),
            part_number,
            text: "路面已查明。".into(),
            pictures: Vec::new(),
        };
        let response = self.cases().answer_part(self.call("department", unit, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn ask_for_more_time(&self, case_id: &str, limit: &str) -> Outcome {
        let request = proto::RequestExtensionRequest {
            command: command(case_id),
            limit: limit.into(),
            reason: "管网需停气检修".into(),
        };
        let response = self.cases().request_extension(self.call("department", HOUSING, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn claim(&self, representative: &str, case_id: &str) -> Outcome {
        let request = proto::ClaimCaseRequest { command: command(case_id), note: String::new() };
        let response = self.cases().claim_case(self.call("representative", representative, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn close(&self, case_id: &str) -> Outcome {
        let request = proto::CloseCaseRequest { command: command(case_id), note: String::new() };
        let response = self.cases().close_case(self.call("office", OFFICE, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn merge(&self, case_id: &str, into: &str) -> Outcome {
        let request = proto::MergeCaseRequest {
            command: command(case_id),
            into_case_id: into.into(),
            reason: "同一事项".into(),
        };
        let response = self.cases().merge_case(self.call("office", OFFICE, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    pub(crate) async fn unmerge(&self, case_id: &str) -> Outcome {
        let request = proto::UnmergeCaseRequest { command: command(case_id), reason: "另有诉求".into() };
        let response = self.cases().unmerge_case(self.call("office", OFFICE, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }

    /// The case as an auditor sees it.
    pub(crate) async fn case(&self, case_id: &str) -> proto::Case {
        self.get("auditor", "", case_id).await.unwrap().case.unwrap()
    }
}
