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
                        quote! {
                            #[serde(#rename borrow, default, deserialize_with = "null_as_default")]
                            #field: #ty<'a>
                        }
                    }
                }
            })
            .collect();
        let doc = format!(" {doc}");
        quote! {
            #[doc = #doc]
            #[derive(Debug, Default, Deserialize)]
            struct #name<'a> { #(#fields),* }

            #inner
        }
    }
}

impl Leaf {
    fn emit(self, field: &Ident, rename: Option<&TokenStream>) -> TokenStream {
        let Self::Value(ty) = self;
        let ty = match ty {
            PlanNativeType::Text => quote! { Text<'a> },
            PlanNativeType::Number => quote! { Number<'a> },
            PlanNativeType::Boolean => quote! { Flag },
        };
        quote! { #[serde(#rename borrow, default)] #field: Leaf<'a, #ty> }
    }
}

/// The optional value at a place in a struct, for a unified field: `native.properties.name.get("name", warnings)`.
pub(super) fn value(object: &TokenStream, path: &PlanPath, field: &str) -> TokenStream {
    if path.is_empty() {
        return quote! { #object.as_ref() };
    }
    let place = place(object, path);
    quote! { #place.get(#field, warnings) }
}

/// A place in a struct: `native.properties.name`.
pub(super) fn place(object: &TokenStream, path: &PlanPath) -> TokenStream {
    let fields = path.iter().map(|member| names::field(member));
    quote! { #object #(.#fields)* }
}
