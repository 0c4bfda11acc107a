//! Structs that borrow what a mapping names from a native answer, and nothing else of it.

use indexmap::IndexMap;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::{names, plan::PlanPath};

/// The members of a native object, as far as they are named.
#[derive(Debug, Default)]
pub(super) struct Tree {
    members: IndexMap<String, Node>,
}

#[derive(Debug)]
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

    /// The structs: the one named, then those inside it.
    pub(super) fn emit(&self, name: &Ident, doc: &str) -> TokenStream {
        let mut inner = TokenStream::new();
        let mut fields = Vec::new();
        let mut arms = Vec::new();
        for (member, node) in &self.members {
            let field = names::field(member);
            match node {
                Node::Leaf => {
                    fields.push(quote! { #field: Leaf<'a> });
                    arms.push(quote! { #member => scan.leaf(&mut self.#field) });
                }
                Node::Tree(tree) => {
                    let ty = format_ident!("{name}{}", names::pascal(member));
                    inner.extend(tree.emit(&ty, &format!("`{member}` of [`{name}`].")));
                    fields.push(quote! { #field: #ty<'a> });
                    arms.push(quote! { #member => scan.object(&mut self.#field) });
                }
            }
        }
        let doc = format!(" {doc}");
        quote! {
            #[doc = #doc]
            #[derive(Debug, Default)]
            struct #name<'a> { #(#fields),* }

            impl<'a> Native<'a> for #name<'a> {
                fn member(&mut self, key: &str, scan: &mut Scan<'a>) -> Result<(), Stop> {
                    match key {
                        #(#arms,)*
                        _ => scan.pass(),
                    }
                }
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
