//! Who calls: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037), verified with keys from a JWKS file or URL.
//!
//! Claims: `sub` (who), `role` (operator, office, department, representative or auditor), `code` (unit or representative
//! code), `region` (scope), `aud` = "huying", `exp`, `iat`; the header's `kid` names the key.

use std::{collections::HashMap, str::FromStr, sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use huying_proto::events::v1::{Actor, ActorRole};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    clock::Clock,
    codes::{RegionCode, RepresentativeCode, UnitCode},
    status::refused,
};

/// Audience of every token.
pub const AUDIENCE: &str = "huying";
/// How far the clocks of the issuer and of a service may be apart.
const LEEWAY_SECONDS: i64 = 30;
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
    /// When the file or URL cannot be read, or holds no Ed25519 key.
    pub async fn open(source: &str, clock: Clock) -> anyhow::Result<Arc<Self>> {
        // Fails only when a provider is installed already, which then serves as well.
        let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
        let keys = read_keys(source).await?;
        Ok(Arc::new(Self { keys: ArcSwap::from_pointee(keys), source: source.to_owned(), clock }))
    }

    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(KEYS_REFRESH) => {}
            }
            match read_keys(&self.source).await {
                Ok(keys) => self.keys.store(Arc::new(keys)),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "keys not read again; the old ones stay")
                }
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
        // Expiry is judged below by the service's own clock, which tests and trials drive.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
            .map_err(|error| invalid(&format!("the token does not verify: {error}")))?
            .claims;
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= self.clock.now().as_second() {
            return Err(unauthenticated("TOKEN_EXPIRED", "the token has expired; get a new one"));
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

async fn read_keys(source: &str) -> anyhow::Result<HashMap<String, DecodingKey>> {
    let text = if source.starts_with("http://") || source.starts_with("https://") {
        // Fails only when a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
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
    anyhow::ensure!(!keys.is_empty(), "{source} holds no Ed25519 key (kty OKP) with a kid");
    Ok(keys)
}
