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

    /// The same with these members in this order, the others behind them.
    pub(super) fn in_order_of(mut self, names: &[String]) -> Self {
        let place = |member: &String| names.iter().position(|name| name == member);
        self.members
            .sort_by_key(|member, _| place(member).unwrap_or(names.len()));
        self
    }

    /// The structs: the one named, then those inside it. Members stand in the order in which they were added, which is
    /// that in which they are asked for, unless another was said; those inside, in the order of their names, as providers
    /// sort what a record may have any number of.
    pub(super) fn emit(&self, name: &Ident, doc: &str) -> TokenStream {
        let mut inner = TokenStream::new();
        let mut fields = Vec::new();
        let mut members = Vec::new();
        for (member, node) in &self.members {
            let field = names::field(member);
            members.push(quote! { members.take(key!(#member), &mut self.#field)?; });
            match node {
                Node::Leaf => {
                    fields.push(quote! { #field: Leaf<'a> });
                }
                Node::Tree(tree) => {
                    let tree = tree.sorted();
                    let ty = format_ident!("{name}{}", names::pascal(member));
                    inner.extend(tree.emit(&ty, &format!("`{member}` of [`{name}`].")));
                    fields.push(quote! { #field: #ty<'a> });
                }
            }
        }
        let doc = format!(" {doc}");
        quote! {
            #[doc = #doc]
            #[derive(Debug, Default)]
            struct #name<'a> { #(#fields),* }

            impl<'a> Native<'a> for #name<'a> {
                fn members(&mut self, members: &mut impl Members<'a>) -> Result<(), Left> {
                    #(#members)*
                    Ok(())
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
