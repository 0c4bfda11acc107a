//! What the calls about tokens are filled with.

use secrecy::SecretString;
use url::Url;

use super::Tokens;
use crate::upstream::provider::{TokenCall, TokenValues};

impl Tokens {
    /// The newest refresh token; none where an access token is all that there is.
    pub(in crate::upstream) fn refresh_token(&self) -> Option<SecretString> {
        self.oauth.as_ref()?;
        self.state().refresh_token.clone()
    }

    /// The scopes that the last refresh told of; none where there was none, or it told nothing.
    pub(in crate::upstream) fn told_scopes(&self) -> Option<Vec<String>> {
        self.state().scopes.clone()
    }

    /// URL and form of a call about a token; none where there is no client to make it for.
    pub(in crate::upstream) fn fill(
        &self,
        call: &TokenCall,
        token: &SecretString,
    ) -> Option<(SecretString, Option<SecretString>)> {
        let oauth = self.oauth.as_ref()?;
        let empty = SecretString::default();
        let login_url = self.token_url.origin().ascii_serialization();
        let values = TokenValues {
            login_url: &login_url,
            token,
            client_id: &oauth.client_id,
            client_secret: oauth.client_secret.as_ref().unwrap_or(&empty),
        };
        let url = call.url(values);
        Some((self.moved(url), call.form(values)))
    }

    /// Where the token endpoint is elsewhere than the provider says, as with one that we play, so are these.
    fn moved(&self, url: SecretString) -> SecretString {
        use secrecy::ExposeSecret as _;
        let (Ok(own), Ok(mut parsed)) = (
            Url::parse(self.provider.auth.token_url),
            Url::parse(url.expose_secret()),
        ) else {
            // The provider's own has a place for the login host, which is filled in.
            return url;
        };
        if own.origin() == self.token_url.origin() || own.origin() != parsed.origin() {
            return url;
        }
        let is_set = parsed.set_scheme(self.token_url.scheme()).is_ok()
            && parsed.set_host(self.token_url.host_str()).is_ok()
            && parsed.set_port(self.token_url.port()).is_ok();
        if is_set {
            parsed.to_string().into()
        } else {
            url
        }
    }
}
