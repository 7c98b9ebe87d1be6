//! Who calls: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037), verified with keys from a JWKS file or URL.
//!
//! Claims: `sub` (who), `role` (operator, office, department, representative or auditor), `code` (unit or representative
//! code), `region` (scope), `aud` = "huying", `exp`, `nbf` if there is one, `iat`; the header's `kid` names the key.

use std::{collections::HashMap, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use huying_proto::events::v1::{Actor, ActorRole};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    clock::Clock,
    codes::{RegionCode, RegionPath, RepresentativeCode, UnitCode},
    status::refused,
};

/// Audience of every token.
pub const AUDIENCE: &str = "huying";
/// How far the clocks of the issuer and of a service may be apart.
const LEEWAY_SECONDS: i64 = 30;
/// Longest subject, in bytes; it is kept with every command.
const SUBJECT_BYTES_MAX: usize = 256;
/// How often keys are read again, so that a rotated key is known soon.
const KEYS_REFRESH: Duration = Duration::from_secs(60);

/// In what capacity somebody calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs the installation: imports, dead letters, all subscriptions. Decides no case.
    Operator,
    /// 人大机构.
    Office,
    /// 承办单位.
    Department,
    /// 人大代表.
    Representative,
    /// Reads what handlers read.
    Auditor,
}

impl FromStr for Role {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "operator" => Ok(Self::Operator),
            "office" => Ok(Self::Office),
            "department" => Ok(Self::Department),
            "representative" => Ok(Self::Representative),
            "auditor" => Ok(Self::Auditor),
            _ => Err(()),
        }
    }
}

/// Somebody whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who, as the issuer calls them.
    pub subject: String,
    /// In what capacity.
    pub role: Role,
    /// Unit or representative code; empty for operators and auditors.
    pub code: String,
    /// Region scope: the token is good for this subtree only. None: not limited.
    pub region: Option<RegionCode>,
}

impl Principal {
    /// Ok when the role is one of these.
    ///
    /// # Errors
    /// PERMISSION_DENIED, reason ROLE_NOT_ALLOWED.
    #[allow(clippy::result_large_err)]
    pub fn require(&self, roles: &[Role]) -> Result<(), Status> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        tracing::warn!(subject = self.subject, role = ?self.role, "call denied: role not allowed");
        let message = format!("the role {:?} may not do this; {roles:?} may", self.role);
        Err(refused(Code::PermissionDenied, "ROLE_NOT_ALLOWED", message, &[]))
    }

    /// Ok when the token is not limited to a region: for what concerns the whole installation.
    ///
    /// # Errors
    /// PERMISSION_DENIED, reason OUT_OF_SCOPE.
    #[allow(clippy::result_large_err)]
    pub fn require_unscoped(&self) -> Result<(), Status> {
        let Some(region) = &self.region else { return Ok(()) };
        tracing::warn!(subject = self.subject, role = ?self.role, %region, "call denied: token limited to a region");
        let message = format!("the token is limited to region {region}, and this concerns all regions");
        Err(refused(Code::PermissionDenied, "OUT_OF_SCOPE", message, &[]))
    }

    /// Whether the token is good for what is at this place: everywhere, unless it is limited to a region.
    #[must_use]
    pub fn covers(&self, place: &RegionPath) -> bool {
        self.region.as_ref().is_none_or(|scope| place.contains(scope))
    }

    /// The caller as the public may know them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let role = match self.role {
            Role::Operator | Role::Auditor => ActorRole::Operator,
            Role::Office => ActorRole::Office,
            Role::Department => ActorRole::Department,
            Role::Representative => ActorRole::Representative,
        };
        Actor { role: role.into(), code: self.code.clone() }
    }
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    role: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    region: String,
    exp: i64,
    nbf: Option<i64>,
}

/// Verifies tokens.
pub struct Authenticator {
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    source: String,
    clock: Clock,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Reads the keys.
    ///
    /// # Errors
    /// When the file or URL cannot be read, or holds no Ed25519 key: a service that nobody could call is set up wrongly.
    pub async fn open(source: &str, clock: Clock) -> anyhow::Result<Arc<Self>> {
        // Fails only when a provider is installed already, which then serves as well.
        let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
        let keys = read_keys(source).await?;
        anyhow::ensure!(!keys.is_empty(), "{source} holds no Ed25519 key (kty OKP) with a kid");
        Ok(Arc::new(Self { keys: ArcSwap::from_pointee(keys), source: source.to_owned(), clock }))
    }

    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(KEYS_REFRESH) => {}
            }
            self.refresh().await;
        }
    }

    /// Takes what is there, also when it is no key at all: a key that was revoked must go, the last one as well.
    async fn refresh(&self) {
        match read_keys(&self.source).await {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::warn!(source = self.source, "there is no key any more; no token is good");
                }
                self.keys.store(Arc::new(keys));
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "keys not read again; the old ones stay");
            }
        }
    }

    /// Verifies the bearer token of a call.
    ///
    /// # Errors
    /// UNAUTHENTICATED with reason TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED.
    #[allow(clippy::result_large_err)]
    pub fn authenticate(&self, metadata: &MetadataMap) -> Result<Principal, Status> {
        let header = metadata.get("authorization").ok_or_else(|| {
            unauthenticated("TOKEN_MISSING", "no token; send \"authorization: Bearer <token>\" as metadata")
        })?;
        let token = header
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer ")))
            .ok_or_else(|| invalid("the authorization metadata is not \"Bearer <token>\""))?;
        self.verify(token.trim())
    }

    #[allow(clippy::result_large_err)]
    fn verify(&self, token: &str) -> Result<Principal, Status> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("the token is not a JWT"))?;
        if header.alg != Algorithm::EdDSA {
            return Err(invalid("the token is not signed with EdDSA (Ed25519)"));
        }
        let keys = self.keys.load();
        let key = header
            .kid
            .as_ref()
            .and_then(|kid| keys.get(kid))
            .ok_or_else(|| invalid("the token's kid names no known key"))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // When a token is good is judged below by the service's own clock, which tests and trials drive.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
            .map_err(|error| invalid(&format!("the token does not verify: {error}")))?
            .claims;
        let now = self.clock.now().as_second();
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(unauthenticated("TOKEN_EXPIRED", "the token has expired; get a new one"));
        }
        if claims.nbf.is_some_and(|not_before| not_before.saturating_sub(LEEWAY_SECONDS) > now) {
            return Err(invalid("the token is not good yet"));
        }
        principal_of(claims)
    }
}

#[allow(clippy::result_large_err)]
fn principal_of(claims: Claims) -> Result<Principal, Status> {
    let role: Role = claims.role.parse().map_err(|()| invalid("the token's role is unknown"))?;
    let code_is_right = match role {
        Role::Office | Role::Department => UnitCode::from_str(&claims.code).is_ok(),
        Role::Representative => RepresentativeCode::from_str(&claims.code).is_ok(),
        Role::Operator | Role::Auditor => claims.code.is_empty(),
    };
    if !code_is_right {
        return Err(invalid("the token's code does not fit its role"));
    }
    let subject_is_right =
        (1..=SUBJECT_BYTES_MAX).contains(&claims.sub.len()) && !claims.sub.chars().any(char::is_control);
    if !subject_is_right {
        return Err(invalid("the token's sub is empty, too long or has control characters"));
    }
    let region = match claims.region.as_str() {
        "" => None,
        code => Some(code.parse().map_err(|_| invalid("the token's region is not a region code"))?),
    };
    Ok(Principal { subject: claims.sub, role, code: claims.code, region })
}

fn unauthenticated(reason: &str, message: &str) -> Status {
    refused(Code::Unauthenticated, reason, message, &[])
}

fn invalid(message: &str) -> Status {
    unauthenticated("TOKEN_INVALID", message)
}

/// Whoever can change what travels in the clear would say who may do what here; on loopback nobody can.
fn is_on_loopback(url: &reqwest::Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The Ed25519 keys of a JWKS, by their ids; there may be none.
async fn read_keys(source: &str) -> anyhow::Result<HashMap<String, DecodingKey>> {
    let text = if source.starts_with("http://") || source.starts_with("https://") {
        let url: reqwest::Url = source.parse().with_context(|| format!("{source} is not a URL"))?;
        let is_https = url.scheme() == "https";
        anyhow::ensure!(
            is_https || is_on_loopback(&url),
            "{source} travels unprotected; an https URL or a file would be right"
        );
        // Fails only when a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirects =
            if is_https { reqwest::redirect::Policy::default() } else { reqwest::redirect::Policy::none() };
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .https_only(is_https)
            .redirect(redirects)
            .build()?;
        let response = client.get(source).send().await.with_context(|| format!("fetching {source}"))?;
        response.error_for_status()?.text().await?
    } else {
        tokio::fs::read_to_string(source).await.with_context(|| format!("reading the JWKS {source}"))?
    };
    let set: JwkSet = serde_json::from_str(&text).with_context(|| format!("{source} is not a JWKS"))?;
    let mut keys = HashMap::new();
    for jwk in &set.keys {
        let Some(kid) = jwk.common.key_id.clone() else { continue };
        if matches!(jwk.algorithm, jsonwebtoken::jwk::AlgorithmParameters::OctetKeyPair(_)) {
            keys.insert(kid, DecodingKey::from_jwk(jwk)?);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(region: &str) -> Principal {
        Principal {
            subject: "s".into(),
            role: Role::Operator,
            code: String::new(),
            region: (!region.is_empty()).then(|| region.parse().unwrap()),
        }
    }

    #[test]
    fn a_region_limits_a_token_to_its_subtree() {
        let path = |district: &str, township: Option<&str>| RegionPath {
            municipal: "150800".parse().unwrap(),
            district: Some(district.parse().unwrap()),
            township: township.map(|code| code.parse().unwrap()),
        };
        let place = path("150802", Some("150802001"));
        for (region, covers) in
            [("", true), ("150800", true), ("150802", true), ("150802001", true), ("150821", false)]
        {
            assert_eq!(principal(region).covers(&place), covers, "{region}");
        }
        assert!(!principal("150802001").covers(&path("150802", None)));
        assert!(principal("").require_unscoped().is_ok());
        let refused = principal("150800").require_unscoped().unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }

    #[test]
    fn a_subject_can_be_logged_and_kept() {
        let claims = |subject: &str| Claims {
            sub: subject.into(),
            role: "auditor".into(),
            code: String::new(),
            region: String::new(),
            exp: 0,
            nbf: None,
        };
        for right in ["auditor", "王 建国 <wang@example>", &"a".repeat(256)] {
            assert_eq!(principal_of(claims(right)).unwrap().subject, right);
        }
        for wrong in ["", "a\0b", "a\nb", &"a".repeat(257)] {
            let refused = principal_of(claims(wrong)).unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{wrong:?}");
        }
    }

    #[test]
    fn keys_travel_in_the_clear_on_loopback_only() {
        for (url, is_loopback) in [
            ("http://localhost:8080/jwks", true),
            ("http://127.0.0.1/jwks", true),
            ("http://[::1]:1/jwks", true),
            ("http://idp.example/jwks", false),
            ("http://localhost.example/jwks", false),
            ("http://127.0.0.1@idp.example/jwks", false),
        ] {
            assert_eq!(is_on_loopback(&url.parse().unwrap()), is_loopback, "{url}");
        }
    }

    #[tokio::test]
    async fn the_last_key_can_be_revoked_but_a_start_needs_one() {
        let path = std::env::temp_dir().join(format!("huying-jwks-{}.json", uuid::Uuid::now_v7()));
        let source = path.to_str().unwrap();
        let key = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        std::fs::write(&path, key).unwrap();
        let authenticator = Authenticator::open(source, Clock::system()).await.unwrap();
        std::fs::write(&path, "half a fi").unwrap();
        authenticator.refresh().await;
        assert_eq!(authenticator.keys.load().len(), 1);
        std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
        authenticator.refresh().await;
        assert!(authenticator.keys.load().is_empty());
        assert!(Authenticator::open(source, Clock::system()).await.is_err());
        std::fs::remove_file(&path).unwrap();
        let refused = Authenticator::open("http://idp.example/jwks", Clock::system()).await.unwrap_err();
        assert!(refused.to_string().contains("unprotected"), "{refused}");
    }
}
