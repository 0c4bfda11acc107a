//! The plan of connecting an account and of checking a connection.

/// How a person is asked for consent.
#[derive(Debug, Clone)]
pub struct PlanAuthorize {
    pub url: String,
    pub pkce: bool,
    pub scopes: Vec<String>,
    /// The parameter, and the scopes in it.
    pub optional: Option<(String, Vec<String>)>,
    pub parameters: Vec<(String, String)>,
}

/// A host to log in at: its title, its URL, and what is to be typed where the URL has a name in braces.
#[derive(Debug, Clone)]
pub struct PlanLogin {
    pub title: String,
    pub url: String,
    pub hint: Option<String>,
}

/// A call that is about a token.
#[derive(Debug, Clone)]
pub struct PlanTokenCall {
    pub method: String,
    pub url: String,
    pub form: Vec<(String, String)>,
}

/// Where granted scopes are told.
#[derive(Debug, Clone)]
pub struct PlanGranted {
    pub scopes: String,
    /// None: in the answer of the token endpoint.
    pub call: Option<PlanTokenCall>,
    pub account_name: Option<String>,
}

/// How a connection is proved to work.
#[derive(Debug, Clone)]
pub struct PlanCheck {
    pub call: PlanFixedCall,
    pub account: Option<PlanAccount>,
}

#[derive(Debug, Clone)]
pub struct PlanAccount {
    /// None: in the answer to the check itself.
    pub call: Option<PlanFixedCall>,
    pub id: Vec<String>,
    pub name: Option<Vec<String>>,
}

/// A native call that is the same each time.
#[derive(Debug, Clone)]
pub struct PlanFixedCall {
    pub operation: usize,
    pub root: usize,
    /// After the root.
    pub path: String,
    pub query: Vec<(String, String)>,
}

/// What one operation needs: of each list any one scope.
#[derive(Debug, Clone)]
pub struct PlanOperationScopes {
    /// As in `crm.account.list`.
    pub operation: String,
    pub all_of: Vec<Vec<String>>,
}
