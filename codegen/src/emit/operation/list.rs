//! Lists, page by page.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{rows_of, type_name};
use crate::{
    emit::{
        call::{Calls, Parameter, parameters},
        native::{self, Leaf},
    },
    names,
    plan::{PlanList, PlanOperation, PlanPager},
};

pub(super) fn emit(planned: &PlanOperation, list: &PlanList, calls: &mut Calls<'_>) -> TokenStream {
    let (name, doc) = (type_name(&planned.name), format!(" `{}`.", planned.name));
    let (default, max) = (
        names::number(list.default_size),
        names::number(list.max_size),
    );
    let overlap = names::number(list.overlap_seconds);
    let has_changes = list.changes.is_some();
    let (with_window, with_page) = if has_changes {
        (quote! { (page, window) }, quote! { (page, _) })
    } else {
        (quote! { (..) }, quote! { (..) })
    };
    let full = pager(&list.full, "full", calls);
    let changes = list
        .changes
        .as_ref()
        .map(|changes| pager(changes, "changes", calls));
    let (full_struct, full_call, full_read) = full;
    let (changes_struct, changes_call, changes_read) = match changes {
        Some((item, call, read)) => (item, call, read),
        // A list without changes never gets a cursor into them.
        None => (
            TokenStream::new(),
            quote! { return Err(not_implemented(self.cx.operation, self.cx.provider)) },
            quote! { return Err(not_implemented(self.cx.operation, self.cx.provider)) },
        ),
    };
    quote! {
        #[doc = #doc]
        #[derive(Debug)]
        pub struct #name {
            cx: Context,
            fields: Fields,
            paging: Paging,
            warnings: Warnings,
        }

        #full_struct
        #changes_struct

        impl #name {
            pub fn new(cx: Context, request: &UnifiedRequest) -> Result<Self, Error> {
                let mut warnings = Warnings::default();
                let request = decode::list(request, &mut warnings)?;
                let limits = PageLimits { default: #default, max: #max, overlap_seconds: #overlap };
                let paging = Paging::open(&cx, &request, limits, #has_changes)?;
                Ok(Self { fields: Fields::new(SELECTION, request.fields), cx, paging, warnings })
            }
        }

        impl Translator for #name {
            fn start(&mut self, _recent: &[String]) -> Result<Step, Error> {
                Ok(Step::call(match self.paging.phase() {
                    Phase::Full(page) => #full_call,
                    Phase::Changes #with_window => #changes_call,
                }))
            }

            fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
                let response = native::success(self.cx.provider, native::one(responses)?)?;
                let (rows, end) = match self.paging.phase() {
                    Phase::Full(page) => #full_read,
                    Phase::Changes #with_page => #changes_read,
                };
                let items = rows.into_iter().map(|raw| read(raw, &mut self.warnings)).collect::<Result<Vec<_>, _>>()?;
                let last = items.last().map(|item| &*item.id);
                let next = self.paging.next(&self.cx, end.at(last, response.date));
                Ok(Step::Answer(Answer { body: answer::page(next, items, &self.warnings), written: None }))
            }
        }
    }
}

/// The struct of a pager's answer, its call, and what is read of its answer: rows and end.
fn pager(
    pager: &PlanPager,
    purpose: &str,
    calls: &mut Calls<'_>,
) -> (TokenStream, TokenStream, TokenStream) {
    let name = format_ident!("{}Page", names::pascal(purpose));
    let mut more = Vec::new();
    if let Some(next) = &pager.next {
        more.push((next, Leaf::Value(crate::plan::PlanNativeType::Text)));
    }
    if let Some(present) = &pager.more {
        more.push((present, Leaf::Present));
    }
    let (item, ty, rows) = rows_of(
        &name,
        &format!("A page of the list of {purpose}."),
        &pager.rows,
        &more,
    );
    let page = pager.max.map_or_else(
        || quote! { page },
        |max| {
            let max = names::number(max);
            quote! { page.at_most(#max) }
        },
    );
    let function = calls.function(&pager.call, &format!("list_{purpose}"));
    let arguments = parameters(&pager.call)
        .into_iter()
        .map(|parameter| match parameter {
            Parameter::Page => page.clone(),
            Parameter::Window => quote! { window },
            _ => quote! { &self.fields },
        });
    let call = quote! { #function(&self.cx #(, #arguments)*) };
    let object = quote! { answer };
    let end = if let Some(next) = &pager.next {
        let token = native::place(&object, next);
        quote! { PageEnd::token(#token) }
    } else {
        let present = pager.more.as_ref().map_or_else(
            || quote! { false },
            |path| {
                let place = native::place(&object, path);
                quote! { #place.0 }
            },
        );
        quote! { PageEnd::more(#present) }
    };
    let read = quote! {
        {
            let answer: #ty = native::parse(&response.body)?;
            let end = #end;
            paging::cut(#rows, #page.size, end)
        }
    };
    (item, call, read)
}
