//! What every command needs: where the services are, how to call them, how to speak to the user.
//!
//! Guarantees that every call is bounded in time, that a call is repeated only where repeating is safe, at most
//! [`Context::with_patience`] times and with the very same request, and that a person does not wait for a service that
//! is not there.

use std::{fmt, future::Future, time::Duration};

use huying_proto::{
    intake::v1::intake_service_client::IntakeServiceClient,
    ledger::v1::{
        figures_service_client::FiguresServiceClient, ledger_admin_service_client::LedgerAdminServiceClient,
        ledger_service_client::LedgerServiceClient, log_service_client::LogServiceClient,
    },
    notify::v1::notification_service_client::NotificationServiceClient,
    operations::v1::dead_letter_service_client::DeadLetterServiceClient,
    routing::v1::{
        case_service_client::CaseServiceClient, directory_service_client::DirectoryServiceClient,
        rule_service_client::RuleServiceClient,
    },
};
use tonic::{
    Request, Response, Status,
    metadata::MetadataValue,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::{arguments::GlobalArgs, environment::Environment, failure::Failure, output::Output};

/// A case has at most 1,000 events with texts of up to 20,000 characters; this is room for all of it.
const ANSWER_BYTES_MAX: usize = 96 * 1024 * 1024;
/// Attempts of a call that is safe to repeat.
const ATTEMPTS: u32 = 3;
/// Wait before the second attempt; doubled before each further one.
const RETRY_WAIT_MS: u64 = 200;
/// The longest wait between attempts, also when a busy service asks for more.
const RETRY_WAIT_MS_MAX: u64 = 3_000;

/// One of the four services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Service {
    Intake,
    Routing,
    Notify,
    Ledger,
}

impl Service {
    pub(crate) const ALL: [Self; 4] = [Self::Intake, Self::Routing, Self::Notify, Self::Ledger];

    fn address_variable(self) -> &'static str {
        match self {
            Self::Intake => "HUYING_INTAKE",
            Self::Routing => "HUYING_ROUTING",
            Self::Notify => "HUYING_NOTIFY",
            Self::Ledger => "HUYING_LEDGER",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intake => "intake",
            Self::Routing => "routing",
            Self::Notify => "notify",
            Self::Ledger => "ledger",
        })
    }
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) environment: Environment,
    addresses: [Option<String>; 4],
    request_timeout: Duration,
    attempts: u32,
    waits_for_absent: bool,
}

impl Context {
    pub(crate) fn new(arguments: &GlobalArgs, environment: Environment) -> Self {
        let given = [&arguments.intake, &arguments.routing, &arguments.notify, &arguments.ledger]
            .map(Option::as_deref);
        let mut addresses = [None, None, None, None];
        for ((address, given), service) in addresses.iter_mut().zip(given).zip(Service::ALL) {
            *address = given.or_else(|| environment.get(service.address_variable())).map(str::to_owned);
        }
        Self {
            output: if arguments.json { Output::Json } else { Output::Human },
            environment,
            addresses,
            request_timeout: arguments.request_timeout,
            attempts: ATTEMPTS,
            waits_for_absent: false,
        }
    }

    /// A context for tests: one service at an address, a short patience, no output.
    #[cfg(test)]
    pub(crate) fn of(service: Service, address: &str, process: &[(&str, &str)]) -> Self {
        let variable = service.address_variable();
        let variables: Vec<_> = process.iter().copied().chain([(variable, address)]).collect();
        let mut context = Self::new(&GlobalArgs::default(), Environment::of(&variables, &[]));
        context.output = Output::Nowhere;
        context
    }

    /// The same, with more attempts for calls that are safe to repeat, also while a service is not there.
    pub(crate) fn with_patience(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self.waits_for_absent = true;
        self
    }

    /// The same, with at least so much time for each call.
    pub(crate) fn with_request_timeout_at_least(mut self, timeout: Duration) -> Self {
        self.request_timeout = self.request_timeout.max(timeout);
        self
    }

    /// How long to wait for one answer.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    pub(crate) fn address(&self, service: Service) -> Result<&str, Failure> {
        let [intake, routing, notify, ledger] = &self.addresses;
        let address = match service {
            Service::Intake => intake,
            Service::Routing => routing,
            Service::Notify => notify,
            Service::Ledger => ledger,
        };
        address.as_deref().ok_or_else(|| {
            Failure::usage(format!("where the {service} service is, is not known")).with_hint(format!(
                "give --{service} or {}; a trial installation (./deploy/up) is found from within its checkout",
                service.address_variable()
            ))
        })
    }

    pub(crate) fn intake(&self) -> Result<IntakeServiceClient<Channel>, Failure> {
        let channel = self.channel(Service::Intake)?;
        Ok(IntakeServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    pub(crate) fn cases(&self) -> Result<CaseServiceClient<Channel>, Failure> {
        let channel = self.channel(Service::Routing)?;
        Ok(CaseServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    pub(crate) fn directory(&self) -> Result<DirectoryServiceClient<Channel>, Failure> {
        Ok(DirectoryServiceClient::new(self.channel(Service::Routing)?))
    }

    pub(crate) fn rules(&self) -> Result<RuleServiceClient<Channel>, Failure> {
        let channel = self.channel(Service::Routing)?;
        Ok(RuleServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    pub(crate) fn notifications(&self) -> Result<NotificationServiceClient<Channel>, Failure> {
        let channel = self.channel(Service::Notify)?;
        Ok(NotificationServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    pub(crate) fn ledger(&self) -> Result<LedgerServiceClient<Channel>, Failure> {
        let channel = self.channel(Service::Ledger)?;
        Ok(LedgerServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    pub(crate) fn ledger_admin(&self) -> Result<LedgerAdminServiceClient<Channel>, Failure> {
        Ok(LedgerAdminServiceClient::new(self.channel(Service::Ledger)?))
    }

    pub(crate) fn figures(&self) -> Result<FiguresServiceClient<Channel>, Failure> {
        let channel = self.channel(Service::Ledger)?;
        Ok(FiguresServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    pub(crate) fn log(&self) -> Result<LogServiceClient<Channel>, Failure> {
        let channel = self.channel(Service::Ledger)?;
        Ok(LogServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    pub(crate) fn dead_letters(&self, service: Service) -> Result<DeadLetterServiceClient<Channel>, Failure> {
        let channel = self.channel(service)?;
        Ok(DeadLetterServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    fn channel(&self, service: Service) -> Result<Channel, Failure> {
        let address = self.address(service)?;
        let wrong = |error: tonic::transport::Error| {
            Failure::usage(format!("\"{address}\" is no address of a service: {error}"))
                .with_hint("an address looks like http://127.0.0.1:7101 or https://intake.example.cn")
        };
        if !address.starts_with("http://") && !address.starts_with("https://") {
            return Err(Failure::usage(format!("\"{address}\" is no address of a service"))
                .with_hint("an address looks like http://127.0.0.1:7101 or https://intake.example.cn"));
        }
        let mut endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(wrong)?
            .connect_timeout(self.request_timeout)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .tcp_nodelay(true);
        if address.starts_with("https://") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(wrong)?;
        }
        Ok(endpoint.connect_lazy())
    }

    /// Makes one call, and once more with the same request when it may succeed then.
    pub(crate) async fn call<T, F>(
        &self,
        service: Service,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut wait_ms = RETRY_WAIT_MS;
        for _ in 1..self.attempts {
            match self.call_once(service, attempt()).await {
                Err(failure)
                    if failure.is_worth_another_try()
                        && (self.waits_for_absent || !failure.nothing_listens()) =>
                {
                    let asked_ms = failure
                        .retry_after()
                        .map_or(0, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                    tokio::time::sleep(Duration::from_millis(wait_ms.max(asked_ms).min(RETRY_WAIT_MS_MAX)))
                        .await;
                    wait_ms *= 2;
                }
                done => return done,
            }
        }
        self.call_once(service, attempt()).await
    }

    /// Makes one call, once: for what must not be done twice.
    pub(crate) async fn call_once<T>(
        &self,
        service: Service,
        attempt: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        let address = self.address(service)?;
        match tokio::time::timeout(self.request_timeout, attempt).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(Failure::from_status(&service.to_string(), address, &status)),
            Err(_) => {
                let waited = humantime::format_duration(self.request_timeout);
                let status = Status::deadline_exceeded(format!("{service} has not answered within {waited}"));
                Err(Failure::from_status(&service.to_string(), address, &status))
            }
        }
    }
}

/// A request with a token.
pub(crate) fn authorised<T>(message: T, token: &str) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Status::unauthenticated("the token has characters that no token has"))?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}
