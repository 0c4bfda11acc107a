//! Imports: files are written with all that they may need, and keep what they use.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

/// Leaves out the private imports of a file that nothing in it uses. `tokens` are those that it was parsed from.
pub(super) fn prune(file: &mut syn::File, tokens: &TokenStream) {
    let used = used(tokens);
    file.items.retain_mut(|item| match item {
        syn::Item::Use(item) if matches!(item.vis, syn::Visibility::Inherited) => {
            prune_tree(&mut item.tree, &used)
        }
        _ => true,
    });
}

/// The identifiers of all that is no import.
fn used(tokens: &TokenStream) -> BTreeSet<String> {
    let mut is_import = false;
    let others = tokens.clone().into_iter().filter(|token| {
        is_import |= matches!(token, TokenTree::Ident(ident) if ident == "use");
        let is_other = !is_import;
        is_import &= !matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
        is_other
    });
    let mut used = BTreeSet::new();
    collect_idents(&others.collect(), &mut used);
    used
}

/// Whether an identifier is among the tokens.
pub(super) fn mentions(tokens: &TokenStream, ident: &str) -> bool {
    let mut used = BTreeSet::new();
    collect_idents(tokens, &mut used);
    used.contains(ident)
}

/// Notes the identifiers that may be imported: all but those after `::`.
fn collect_idents(tokens: &TokenStream, used: &mut BTreeSet<String>) {
    let mut colons = 0;
    let mut after_hash = false;
    for token in tokens.clone() {
        let after_path = colons == 2;
        let is_attribute = after_hash;
        (colons, after_hash) = match &token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => (colons + 1, false),
            TokenTree::Punct(punct) => (0, punct.as_char() == '#'),
            _ => (0, false),
        };
        match token {
            TokenTree::Ident(ident) if !after_path => {
                used.insert(ident.to_string());
            }
            TokenTree::Group(group) => {
                collect_idents(&group.stream(), used);
                if is_attribute {
                    collect_names(&group.stream(), used);
                }
            }
            _ => {}
        }
    }
}

/// The names in an attribute such as `deserialize_with = "required_nullable"`.
fn collect_names(tokens: &TokenStream, used: &mut BTreeSet<String>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => collect_names(&group.stream(), used),
            TokenTree::Literal(literal) => {
                used.insert(literal.to_string().trim_matches('"').to_owned());
            }
            _ => {}
        }
    }
}

/// Whether anything of the tree is left.
fn prune_tree(tree: &mut syn::UseTree, used: &BTreeSet<String>) -> bool {
    match tree {
        syn::UseTree::Path(path) => {
            if let syn::UseTree::Group(group) = path.tree.as_mut() {
                let module = path.ident.to_string();
                let items = std::mem::take(&mut group.items);
                for mut item in items {
                    // `self` is the module by its own name.
                    let is_used = match &item {
                        syn::UseTree::Name(name) if name.ident == "self" => used.contains(&module),
                        _ => prune_tree(&mut item, used),
                    };
                    if is_used {
                        group.items.push(item);
                    }
                }
                if let [single] = group.items.iter().cloned().collect::<Vec<_>>().as_slice() {
                    if matches!(single, syn::UseTree::Name(name) if name.ident == "self") {
                        let ident = path.ident.clone();
                        *tree = syn::UseTree::Name(syn::UseName { ident });
                        return true;
                    }
                    *path.tree = single.clone();
                }
                return !matches!(tree, syn::UseTree::Path(path) if is_empty(&path.tree));
            }
            prune_tree(&mut path.tree, used)
        }
        syn::UseTree::Name(name) => used.contains(&name.ident.to_string()),
        syn::UseTree::Rename(rename) => {
            rename.rename == "_" || used.contains(&rename.rename.to_string())
        }
        syn::UseTree::Glob(_) => true,
        syn::UseTree::Group(group) => {
            let items = std::mem::take(&mut group.items);
            for mut item in items {
                if prune_tree(&mut item, used) {
                    group.items.push(item);
                }
            }
            if group.items.len() == 1 {
                let single = group.items.pop().expect("there is one");
                *tree = single;
            }
            !is_empty(tree)
        }
    }
}

fn is_empty(tree: &syn::UseTree) -> bool {
    matches!(tree, syn::UseTree::Group(group) if group.items.is_empty())
}
