//! Structs that borrow what a mapping names from a native answer, and nothing else of it.

use indexmap::IndexMap;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::{
    names,
    plan::{PlanNativeType, PlanPath},
};

/// What a struct has at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    Value(PlanNativeType),
}

/// The members of a native object, as far as they are named.
#[derive(Debug, Default)]
pub(super) struct Tree {
    members: IndexMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    Leaf(Leaf),
    Tree(Tree),
}

impl Tree {
    /// Adds a place; one that is there already stays as it is.
    pub(super) fn add(&mut self, path: &PlanPath, leaf: Leaf) {
        let Some((last, parents)) = path.split_last() else {
            return;
        };
        let mut tree = self;
        for parent in parents {
            let node = tree
                .members
                .entry(parent.clone())
                .or_insert_with(|| Node::Tree(Tree::default()));
            match node {
                Node::Tree(inner) => tree = inner,
                // A place inside a scalar does not exist; the checks have said so.
                Node::Leaf(_) => return,
            }
        }
        tree.members.entry(last.clone()).or_insert(Node::Leaf(leaf));
    }

    fn borrows(&self) -> bool {
        self.members.values().any(|node| match node {
            Node::Leaf(leaf) => leaf.borrows(),
            Node::Tree(tree) => tree.borrows(),
        })
    }

    /// The structs: the one named, then those inside it.
    pub(super) fn emit(&self, name: &Ident, doc: &str) -> TokenStream {
        let mut inner = TokenStream::new();
        let fields: Vec<TokenStream> = self
            .members
            .iter()
            .map(|(member, node)| {
                let field = names::field(member);
                let rename = (field != member).then(|| quote! { rename = #member, });
                match node {
                    Node::Leaf(leaf) => leaf.emit(&field, rename.as_ref()),
                    Node::Tree(tree) => {
                        let ty = format_ident!("{name}{}", names::pascal(member));
                        inner.extend(tree.emit(&ty, &format!("`{member}` of [`{name}`].")));
                        let (borrow, lifetime) = borrow(tree.borrows());
                        quote! {
                            #[serde(#rename #borrow default, deserialize_with = "null_as_default")]
                            #field: #ty #lifetime
                        }
                    }
                }
            })
            .collect();
        let (_, lifetime) = borrow(self.borrows());
        let doc = format!(" {doc}");
        quote! {
            #[doc = #doc]
            #[derive(Debug, Default, Deserialize)]
            struct #name #lifetime { #(#fields),* }

            #inner
        }
    }
}

impl Leaf {
    fn borrows(self) -> bool {
        match self {
            Self::Value(ty) => ty != PlanNativeType::Boolean,
        }
    }

    fn emit(self, field: &Ident, rename: Option<&TokenStream>) -> TokenStream {
        match self {
            Self::Value(PlanNativeType::Text) => {
                quote! { #[serde(#rename borrow, default)] #field: Option<Text<'a>> }
            }
            Self::Value(PlanNativeType::Number) => {
                quote! { #[serde(#rename borrow, default)] #field: Option<Number<'a>> }
            }
            Self::Value(PlanNativeType::Boolean) => {
                quote! { #[serde(#rename default)] #field: Option<Flag> }
            }
        }
    }
}

fn borrow(borrows: bool) -> (Option<TokenStream>, Option<TokenStream>) {
    if borrows {
        (Some(quote! { borrow, }), Some(quote! { <'a> }))
    } else {
        (None, None)
    }
}

/// A reference to an optional value in a struct: `native.properties.name.as_ref()`.
pub(super) fn value(object: &TokenStream, path: &PlanPath) -> TokenStream {
    let place = place(object, path);
    quote! { #place.as_ref() }
}

/// A place in a struct: `native.properties.name`.
pub(super) fn place(object: &TokenStream, path: &PlanPath) -> TokenStream {
    let fields = path.iter().map(|member| names::field(member));
    quote! { #object #(.#fields)* }
}
