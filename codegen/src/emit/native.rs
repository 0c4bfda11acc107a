//! Structs that borrow what a mapping names from a native answer, and nothing else of it.

use indexmap::IndexMap;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::{names, plan::PlanPath};

/// The members of a native object, as far as they are named.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    members: IndexMap<String, Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Leaf,
    Tree(Tree),
}

impl Tree {
    /// Adds a place; one that is there already stays as it is.
    pub(super) fn add(&mut self, path: &PlanPath) {
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
                Node::Leaf => return,
            }
        }
        tree.members.entry(last.clone()).or_insert(Node::Leaf);
    }

    fn sorted(&self) -> Self {
        let mut members = self.members.clone();
        members.sort_keys();
        Self { members }
    }

    /// The structs: the one named, then those inside it. Members stand in the order in which they were added, which is
    /// that in which they are asked for; those inside, in the order of their names, as providers sort what a record may
    /// have any number of.
    pub(super) fn emit(&self, name: &Ident, doc: &str) -> TokenStream {
        let mut inner = TokenStream::new();
        let mut fields = Vec::new();
        let mut members = Vec::new();
        for (member, node) in &self.members {
            let field = names::field(member);
            match node {
                Node::Leaf => {
                    fields.push(quote! { #field: Leaf<'a> });
                    members.push(
                        quote! { Member::new(#member, |it, scan| scan.leaf(&mut it.#field)) },
                    );
                }
                Node::Tree(tree) => {
                    let tree = tree.sorted();
                    let ty = format_ident!("{name}{}", names::pascal(member));
                    inner.extend(tree.emit(&ty, &format!("`{member}` of [`{name}`].")));
                    fields.push(quote! { #field: #ty<'a> });
                    members.push(
                        quote! { Member::new(#member, |it, scan| scan.object(&mut it.#field)) },
                    );
                }
            }
        }
        let doc = format!(" {doc}");
        quote! {
            #[doc = #doc]
            #[derive(Debug, Default)]
            struct #name<'a> { #(#fields),* }

            impl<'a> Native<'a> for #name<'a> {
                const MEMBERS: &'a [Member<'a, Self>] = &[#(#members),*];
            }

            #inner
        }
    }
}

/// A place in a struct, as in `native.properties.name`; the object itself where the path is empty.
pub(super) fn place(object: &TokenStream, path: &PlanPath) -> TokenStream {
    let fields = path.iter().map(|member| names::field(member));
    quote! { #object #(.#fields)* }
}
