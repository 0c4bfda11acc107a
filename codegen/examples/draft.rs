//! Draft plan builder (temporary).
use crosswalk_codegen::{emit, plan::*};
use serde_json::Value;
fn load(p: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(p).unwrap()).unwrap()
}
fn s(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        o => o.to_string(),
    }
}
fn os(v: &Value) -> Option<String> {
    if v.is_null() { None } else { Some(s(v)) }
}
fn list(v: &Value) -> Vec<String> {
    v.as_array()
        .map(|a| a.iter().map(s).collect())
        .unwrap_or_default()
}
fn path(v: &Value) -> Vec<String> {
    if v.is_null() {
        vec![]
    } else {
        s(v).split('.').map(str::to_owned).collect()
    }
}
struct Spec {
    doc: Value,
}
impl Spec {
    fn deref<'a>(&'a self, v: &'a Value) -> &'a Value {
        if let Some(r) = v.get("$ref").and_then(Value::as_str) {
            self.deref(self.doc.pointer(&r[1..]).unwrap())
        } else if let Some(a) = v.get("allOf").and_then(Value::as_array) {
            self.deref(&a[0])
        } else {
            v
        }
    }
    fn refname(v: &Value) -> Option<String> {
        v.get("$ref")
            .or_else(|| v.pointer("/allOf/0/$ref"))
            .and_then(Value::as_str)
            .map(|r| r.rsplit('/').next().unwrap().to_owned())
    }
    fn op(&self, id: &str) -> (String, String) {
        for (p, m) in self.doc["paths"].as_object().unwrap() {
            for (k, o) in m.as_object().unwrap() {
                if o["operationId"] == id {
                    return (k.to_uppercase(), p.clone());
                }
            }
        }
        panic!("no op {id}")
    }
    fn field(&self, schema: &str, p: &[String]) -> &Value {
        let mut v = self.deref(&self.doc["components"]["schemas"][schema]);
        for x in p {
            v = self.deref(&v["properties"][x]);
        }
        assert!(!v.is_null(), "{schema} {p:?}");
        v
    }
}
struct B<'a> {
    spec: &'a Spec,
    prov: &'a Value,
    ops: Vec<PlanNativeOperation>,
    roots: Vec<String>,
}
impl B<'_> {
    fn op(&mut self, id: &str) -> usize {
        if let Some(i) = self.ops.iter().position(|o| o.id == id) {
            return i;
        }
        let (m, _) = self.spec.op(id);
        let writes = m != "GET" && !list(&self.prov["reads_by_post"]).contains(&id.to_owned());
        self.ops.push(PlanNativeOperation {
            id: id.into(),
            method: m,
            writes,
        });
        self.ops.len() - 1
    }
    fn root(&mut self, p: &str) -> (usize, String) {
        let i = p.find("{version}").unwrap() + 9;
        let (r, rest) = p.split_at(i);
        let idx = self.roots.iter().position(|x| x == r).unwrap_or_else(|| {
            self.roots.push(r.into());
            self.roots.len() - 1
        });
        (idx, rest.into())
    }
    fn slot(t: &str, parts: &[(String, Vec<String>)]) -> (PlanSlot, bool) {
        let (t, opt) = t.strip_suffix('?').map_or((t, false), |t| (t, true));
        (
            match t {
                "page.size" => PlanSlot::PageSize,
                "page.size_plus_one" => PlanSlot::PageSizePlusOne,
                "page.token" => PlanSlot::PageToken,
                "page.after" => PlanSlot::PageAfter,
                "window.from" => PlanSlot::WindowFrom,
                "window.to" => PlanSlot::WindowTo,
                "fields" => PlanSlot::Fields,
                "ids" => PlanSlot::Ids,
                "ids.each" => PlanSlot::IdsEach,
                "record.id" => PlanSlot::RecordId,
                "record" => PlanSlot::Record,
                "changes" => PlanSlot::Changes,
                "key.value" => PlanSlot::KeyValue,
                "key.spellings" => PlanSlot::KeySpellings,
                "key.spellings.each" => PlanSlot::KeySpellingsEach,
                "key.hosts" => PlanSlot::KeyHosts,
                "recent.id" => PlanSlot::RecentId,
                o => {
                    let n = o.split('.').next().unwrap();
                    let (_, p) = parts
                        .iter()
                        .find(|(x, _)| x == n)
                        .unwrap_or_else(|| panic!("slot {o}"));
                    PlanSlot::Part {
                        name: n.into(),
                        path: p.clone(),
                    }
                }
            },
            opt,
        )
    }
    fn json(v: &Value, parts: &[(String, Vec<String>)]) -> PlanJson {
        match v {
            Value::String(t) if t.starts_with('$') => {
                let (slot, optional) = Self::slot(&t[1..], parts);
                PlanJson::Slot { slot, optional }
            }
            Value::Object(m) => {
                let ms: Vec<_> = m
                    .iter()
                    .map(|(k, v)| (k.clone(), Self::json(v, parts)))
                    .collect();
                if ms.iter().all(|(_, j)| matches!(j, PlanJson::Literal(_))) {
                    PlanJson::Literal(v.to_string())
                } else {
                    PlanJson::Object(ms)
                }
            }
            Value::Array(a) => {
                let es: Vec<_> = a.iter().map(|v| Self::json(v, parts)).collect();
                if es.iter().all(|j| matches!(j, PlanJson::Literal(_))) {
                    PlanJson::Literal(v.to_string())
                } else if es.len() == 1 {
                    let txt = v.to_string();
                    let each = if txt.contains("$ids.each") {
                        Some(PlanSlot::IdsEach)
                    } else if txt.contains("$key.spellings.each") {
                        Some(PlanSlot::KeySpellingsEach)
                    } else {
                        None
                    };
                    match each {
                        Some(slot) => PlanJson::Each {
                            slot,
                            element: Box::new(es.into_iter().next().unwrap()),
                        },
                        None => PlanJson::List(es),
                    }
                } else {
                    PlanJson::List(es)
                }
            }
            o => PlanJson::Literal(o.to_string()),
        }
    }
    fn template(t: &str) -> Vec<PlanTemplatePart> {
        let mut out = vec![];
        let mut lit = String::new();
        let mut it = t.chars().peekable();
        while let Some(c) = it.next() {
            match c {
                '{' => {
                    if !lit.is_empty() {
                        out.push(PlanTemplatePart::Literal(std::mem::take(&mut lit)));
                    }
                    let n: String = it.by_ref().take_while(|c| *c != '}').collect();
                    out.push(PlanTemplatePart::Slot(Self::slot(&n, &[]).0));
                }
                '[' => {
                    if !lit.is_empty() {
                        out.push(PlanTemplatePart::Literal(std::mem::take(&mut lit)));
                    }
                    let n: String = it.by_ref().take_while(|c| *c != ']').collect();
                    out.push(PlanTemplatePart::Optional(Self::template(&n)));
                }
                c => lit.push(c),
            }
        }
        if !lit.is_empty() {
            out.push(PlanTemplatePart::Literal(lit));
        }
        out
    }
    fn call(&mut self, c: &Value, bind: &Value, parts: &[(String, Vec<String>)]) -> PlanCall {
        let id = s(&c["call"]);
        let operation = self.op(&id);
        let (_, p) = self.spec.op(&id);
        let (root, rest) = self.root(&p);
        let mut pathv: Vec<PlanPathPart> = vec![];
        let mut lit = String::new();
        let mut it = rest.chars();
        while let Some(ch) = it.next() {
            if ch == '{' {
                let n: String = it.by_ref().take_while(|c| *c != '}').collect();
                let v = c
                    .get("path")
                    .and_then(|p| p.get(&n))
                    .or_else(|| bind.get(&n))
                    .unwrap_or_else(|| panic!("{id} {n}"));
                let t = s(v);
                if let Some(t) = t.strip_prefix('$') {
                    if !lit.is_empty() {
                        pathv.push(PlanPathPart::Literal(std::mem::take(&mut lit)));
                    }
                    pathv.push(PlanPathPart::Slot(Self::slot(t, parts).0));
                } else {
                    lit.push_str(&t);
                }
            } else {
                lit.push(ch);
            }
        }
        if !lit.is_empty() {
            pathv.push(PlanPathPart::Literal(lit));
        }
        let query = c
            .get("query")
            .and_then(Value::as_object)
            .map(|m| {
                m.iter()
                    .map(|(k, v)| PlanQuery {
                        name: k.clone(),
                        value: match v {
                            Value::Array(_) => PlanQueryValue::Slot {
                                slot: PlanSlot::LiteralList(list(v)),
                                optional: false,
                            },
                            v => {
                                let t = s(v);
                                if let Some(t) = t.strip_prefix('$') {
                                    let (slot, optional) = Self::slot(t, parts);
                                    PlanQueryValue::Slot { slot, optional }
                                } else if t.contains('{') {
                                    PlanQueryValue::Template(Self::template(&t))
                                } else {
                                    PlanQueryValue::Literal(t)
                                }
                            }
                        },
                    })
                    .collect()
            })
            .unwrap_or_default();
        PlanCall {
            operation,
            root,
            path: pathv,
            query,
            body: c.get("body").map(|b| Self::json(b, parts)),
        }
    }
    fn on(v: &Value) -> Vec<(u16, PlanRouteTo)> {
        v.as_object()
            .map(|m| {
                m.iter()
                    .map(|(k, v)| {
                        (
                            k.parse().unwrap(),
                            if v == "conflict" {
                                PlanRouteTo::Conflict
                            } else {
                                PlanRouteTo::Step(s(v))
                            },
                        )
                    })
                    .collect()
            })
            .unwrap_or_default()
    }
    fn stepcall(
        &mut self,
        c: &Value,
        bind: &Value,
        parts: &[(String, Vec<String>)],
    ) -> PlanStepCall {
        PlanStepCall {
            call: self.call(c, bind, parts),
            id: c.get("id").map(path),
            record: c["record"] == true,
            on: Self::on(&c["on"]),
        }
    }
    fn steps(&mut self, m: &Value, bind: &Value) -> Vec<PlanStep> {
        let m = m.as_object().unwrap();
        let names: Vec<&String> = m.keys().collect();
        let mut out = vec![];
        for (i, (name, st)) in m.iter().enumerate() {
            let kind = if let Some(b) = st.get("bundle") {
                let mut parts = vec![];
                let mut ps = vec![];
                for (n, c) in b.as_object().unwrap() {
                    ps.push((n.clone(), self.stepcall(c, bind, &parts)));
                    parts.push((n.clone(), c.get("id").map(path).unwrap_or_default()));
                }
                PlanStepKind::Bundle(ps)
            } else {
                PlanStepKind::Call(self.stepcall(st, bind, &[]))
            };
            let has_record = st["record"] == true || st.get("bundle").is_some();
            out.push(PlanStep {
                name: name.clone(),
                if_empty: os(&st["if_empty"]),
                on: if st.get("bundle").is_some() {
                    Self::on(&st["on"])
                } else {
                    Self::on(&st["on"])
                },
                otherwise: os(&st["otherwise"]),
                then: os(&st["then"]).or_else(|| {
                    if has_record {
                        None
                    } else {
                        names.get(i + 1).map(|n| n.to_string())
                    }
                }),
                kind,
            });
        }
        out
    }
    fn pager(&mut self, v: &Value, bind: &Value) -> PlanPager {
        PlanPager {
            call: self.call(v, bind, &[]),
            max: v["max"].as_u64().map(|n| n as u32),
            rows: path(&v["rows"]),
            next: v.get("next").map(path),
            more: v.get("more").map(path),
            extra_row: v.to_string().contains("size_plus_one"),
        }
    }
}
fn nty(v: &Value) -> PlanNativeType {
    match v["type"].as_str() {
        Some("boolean") => PlanNativeType::Boolean,
        Some("integer" | "number") => PlanNativeType::Number,
        _ => PlanNativeType::Text,
    }
}
fn main() {
    let uni = Spec {
        doc: load("specs/unified.yaml"),
    };
    let mut types = vec![];
    let mut uops = vec![];
    let mut routes = vec![];
    let schemas = uni.doc["components"]["schemas"].as_object().unwrap();
    let reach = |start: &[&str]| {
        let mut seen: Vec<String> = vec![];
        let mut todo: Vec<String> = start.iter().map(|s| s.to_string()).collect();
        while let Some(n) = todo.pop() {
            if seen.contains(&n) {
                continue;
            }
            let t = schemas[&n].to_string();
            for part in t.split("#/components/schemas/").skip(1) {
                todo.push(part.split('"').next().unwrap().into());
            }
            seen.push(n);
        }
        seen
    };
    let ans = reach(&["crm.account", "crm.contact"]);
    let req = reach(&["crm.account_input", "crm.contact_input"]);
    for (n, sc) in schemas {
        let (a, r) = (ans.contains(n), req.contains(n));
        if !a && !r {
            continue;
        }
        let kind = if let Some(e) = sc.get("enum") {
            PlanTypeKind::Enum(list(e))
        } else {
            let required = list(&sc["required"]);
            PlanTypeKind::Struct(
                sc["properties"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(k, p)| {
                        fn mt(p: &Value) -> PlanMemberType {
                            if let Some(r) = Spec::refname(p) {
                                return PlanMemberType::Named(r.trim_start_matches("crm.").into());
                            }
                            match p["type"].as_str() {
                                Some("boolean") => PlanMemberType::Boolean,
                                Some("number") => PlanMemberType::Number,
                                Some("array") => PlanMemberType::List(Box::new(mt(&p["items"]))),
                                Some("object") => PlanMemberType::Open,
                                _ => {
                                    if p["format"] == "date-time" {
                                        PlanMemberType::Timestamp
                                    } else {
                                        PlanMemberType::Text
                                    }
                                }
                            }
                        }
                        PlanMember {
                            name: k.clone(),
                            doc: os(&p["description"]),
                            ty: mt(p),
                            required: required.contains(k),
                            nullable: p["nullable"] == true,
                        }
                    })
                    .collect(),
            )
        };
        types.push(PlanType {
            name: n.trim_start_matches("crm.").into(),
            doc: os(&sc["description"]),
            kind,
            in_answers: a,
            in_requests: r,
        });
    }
    for (p, m) in uni.doc["paths"].as_object().unwrap() {
        for (k, o) in m.as_object().unwrap() {
            let x = s(&o["x-operation"]);
            let e = x.split('.').nth(1).unwrap().to_owned();
            let input = format!("{e}_input");
            let shape = match x.rsplit('.').next().unwrap() {
                "list" => PlanShape::List { record: e.clone() },
                "get" => PlanShape::Get { record: e.clone() },
                "create" => PlanShape::Create {
                    record: e.clone(),
                    input,
                },
                "update" => PlanShape::Update {
                    record: e.clone(),
                    input,
                },
                "batch_read" => PlanShape::BatchRead { record: e.clone() },
                _ => PlanShape::Upsert {
                    record: e.clone(),
                    input,
                    keys: list(
                        &schemas[&format!("crm.{e}_upsert_on")]["properties"]["key"]["enum"],
                    ),
                },
            };
            let writes = matches!(
                shape,
                PlanShape::Create { .. } | PlanShape::Update { .. } | PlanShape::Upsert { .. }
            );
            routes.push(PlanRoute {
                method: k.to_uppercase(),
                path: p.clone(),
                operation: x.clone(),
                writes,
            });
            uops.push(PlanUnifiedOperation {
                name: x,
                doc: os(&o["summary"]),
                shape,
            });
        }
    }
    let verticals = vec![PlanVertical {
        name: "crm".into(),
        types: types.clone(),
        operations: uops,
        sources: vec!["specs/unified.yaml".into()],
    }];
    let mut providers = vec![];
    for pn in ["hubspot", "salesforce"] {
        let prov = load(&format!("mappings/{pn}/provider.yaml"));
        let spec = Spec {
            doc: load(&format!("specs/{pn}.yaml")),
        };
        let mut b = B {
            spec: &spec,
            prov: &prov,
            ops: vec![],
            roots: vec![],
        };
        let fields_in = os(&prov["fields_in"]);
        let mut entities = vec![];
        for en in ["account", "contact"] {
            let f = format!("mappings/{pn}/crm/{en}.yaml");
            let m = load(&f);
            let native = s(&m["native"]);
            let bind = m["bind"].clone();
            let rel = |p: &[String]| -> Option<String> {
                match &fields_in {
                    Some(x) if p[0] == *x => Some(p[1].clone()),
                    Some(_) => None,
                    None => Some(p[0].clone()),
                }
            };
            let get_type = |n: &str| types.iter().find(|t| t.name == n).map(|t| t.kind.clone());
            let Some(PlanTypeKind::Struct(rec)) = get_type(en) else {
                panic!()
            };
            let Some(PlanTypeKind::Struct(inp)) = get_type(&format!("{en}_input")) else {
                panic!()
            };
            let mut fields = vec![];
            let mut selection: Vec<String> = vec![];
            let nref = |p: Vec<String>| {
                let v = spec.field(&native, &p);
                PlanNativeRef {
                    ty: nty(v),
                    path: p,
                }
            };
            let wr = |p: &[String]| {
                let v = spec.field(&native, p);
                if v["readOnly"] == true {
                    return None;
                }
                rel(p).map(|name| PlanWrite {
                    name,
                    ty: nty(v),
                    max_length: v["maxLength"].as_u64().map(|n| n as usize),
                    nullable: v["nullable"] == true,
                })
            };
            for mem in &rec {
                let Some(fm) = m["fields"].get(&mem.name) else {
                    continue;
                };
                let in_input = inp.iter().any(|i| i.name == mem.name);
                let source = if let Some(g) = fm.get("group") {
                    let PlanMemberType::List(l) = &mem.ty else {
                        panic!()
                    };
                    let PlanMemberType::Named(entry) = &**l else {
                        panic!()
                    };
                    let Some(PlanTypeKind::Struct(em)) = get_type(entry) else {
                        panic!()
                    };
                    let tag = em.iter().find(|x| matches!(&x.ty, PlanMemberType::Named(n) if matches!(get_type(n), Some(PlanTypeKind::Enum(_))))).unwrap();
                    let PlanMemberType::Named(tag_type) = &tag.ty else {
                        panic!()
                    };
                    let rows = g
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|r| PlanGroupRow {
                            tag: s(&r[&tag.name]),
                            members: em
                                .iter()
                                .filter(|x| x.name != tag.name)
                                .filter_map(|x| {
                                    let v = r.get(&x.name)?;
                                    let (p, line) = if v.is_object() {
                                        (
                                            path(&v["from"]),
                                            Some(if v["line"] == "first" {
                                                PlanLine::First
                                            } else {
                                                PlanLine::Rest
                                            }),
                                        )
                                    } else {
                                        (path(v), None)
                                    };
                                    if let Some(n) = rel(&p) {
                                        if !selection.contains(&n) {
                                            selection.push(n);
                                        }
                                    }
                                    Some(PlanGroupMember {
                                        name: x.name.clone(),
                                        write: if in_input { wr(&p) } else { None },
                                        from: nref(p),
                                        line,
                                    })
                                })
                                .collect(),
                        })
                        .collect();
                    PlanSource::Group {
                        entry: entry.clone(),
                        tag: tag.name.clone(),
                        tag_type: tag_type.clone(),
                        writes: in_input,
                        rows,
                    }
                } else {
                    let p = path(&fm["from"]);
                    if let Some(n) = rel(&p) {
                        if !selection.contains(&n) {
                            selection.push(n);
                        }
                    }
                    let convert = if let Some(v) = fm.get("values") {
                        let PlanMemberType::Named(ty) = &mem.ty else {
                            panic!()
                        };
                        PlanConvert::Values {
                            ty: ty.clone(),
                            pairs: v
                                .as_object()
                                .unwrap()
                                .iter()
                                .map(|(k, v)| (k.clone(), s(v)))
                                .collect(),
                        }
                    } else {
                        match fm["convert"].as_str() {
                            None => PlanConvert::Same,
                            Some("integer") => PlanConvert::Integer,
                            Some("timestamp") => PlanConvert::Timestamp,
                            Some("date_as_timestamp") => PlanConvert::DateAsTimestamp,
                            Some("option") => PlanConvert::Option(list(
                                &spec.field(&native, &p)["x-extensible-enum"],
                            )),
                            Some(o) => panic!("{o}"),
                        }
                    };
                    PlanSource::Value {
                        write: if in_input { wr(&p) } else { None },
                        from: vec![nref(p)],
                        convert,
                    }
                };
                fields.push(PlanField {
                    name: mem.name.clone(),
                    required: mem.required,
                    source,
                });
            }
            let not_mapped = m
                .get("not_mapped")
                .and_then(Value::as_object)
                .map(|o| {
                    o.iter()
                        .map(|(k, v)| PlanNotMapped {
                            field: k.clone(),
                            reason: s(v),
                            in_input: inp.iter().any(|i| i.name == *k),
                        })
                        .collect()
                })
                .unwrap_or_default();
            for (_, o) in m["operations"].as_object().unwrap() {
                if let Some(k) = o.get("keys").and_then(Value::as_object) {
                    for (_, k) in k {
                        for p in list(&k["match"]) {
                            let p: Vec<String> = p.split('.').map(str::to_owned).collect();
                            if let Some(n) = rel(&p) {
                                if !selection.contains(&n) {
                                    selection.push(n);
                                }
                            }
                        }
                    }
                }
            }
            let mut operations = vec![];
            for (on, o) in m["operations"].as_object().unwrap() {
                let form = if let Some(full) = o.get("full") {
                    PlanForm::List(PlanList {
                        default_size: o["page_size"]["default"].as_u64().unwrap() as u32,
                        max_size: o["page_size"]["max"].as_u64().unwrap() as u32,
                        full: b.pager(full, &bind),
                        overlap_seconds: o["changes"]["overlap_seconds"].as_u64().unwrap() as u32,
                        changes: Some(b.pager(&o["changes"], &bind)),
                    })
                } else if let Some(ba) = o.get("batch") {
                    PlanForm::Batch(PlanBatch {
                        call: b.call(ba, &bind, &[]),
                        max: ba["max"].as_u64().unwrap() as usize,
                        rows: path(&ba["rows"]),
                    })
                } else if let Some(keys) = o.get("keys") {
                    let idp = path(&m["fields"]["id"]["from"]);
                    PlanForm::Upsert(PlanUpsert {
                        keys: keys
                            .as_object()
                            .unwrap()
                            .iter()
                            .map(|(k, v)| {
                                let set = path(&v["set"]);
                                PlanKey {
                                    name: k.clone(),
                                    normalize: match v["normalize"].as_str().unwrap() {
                                        "host" => PlanNormalize::Host,
                                        "website" => PlanNormalize::Website,
                                        "email" => PlanNormalize::Email,
                                        _ => PlanNormalize::Exact,
                                    },
                                    set: wr(&set).unwrap(),
                                    field: None,
                                    omit_from_changes: v["omit_from_changes"] == true,
                                    matches: list(&v["match"])
                                        .iter()
                                        .map(|p| nref(p.split('.').map(str::to_owned).collect()))
                                        .collect(),
                                    find: PlanFind {
                                        call: b.call(&v["find"], &bind, &[]),
                                        rows: path(&v["find"]["rows"]),
                                        id: idp.clone(),
                                        split: v["find"]["split"].as_u64().unwrap_or(4000) as usize,
                                        max: v["find"]["max"].as_u64().map(|n| n as usize),
                                    },
                                    direct: v.get("direct").map(|d| PlanDirect {
                                        step: s(&d["step"]),
                                        plain_value: list(&d["only_if"])
                                            .contains(&"plain_value".into()),
                                        record_keeps_key: list(&d["only_if"])
                                            .contains(&"record_keeps_key".into()),
                                    }),
                                }
                            })
                            .collect(),
                        refused: o
                            .get("refused_keys")
                            .and_then(Value::as_object)
                            .map(|x| x.iter().map(|(k, v)| (k.clone(), s(v))).collect())
                            .unwrap_or_default(),
                        recent: o.get("recent").map(|r| b.call(r, &bind, &[])),
                        none: s(&o["none"]),
                        one: s(&o["one"]),
                        steps: b.steps(&o["steps"], &bind),
                    })
                } else {
                    PlanForm::Steps(b.steps(o, &bind))
                };
                operations.push(PlanOperation {
                    name: format!("crm.{en}.{on}"),
                    form,
                });
            }
            entities.push(PlanEntity {
                vertical: "crm".into(),
                name: en.into(),
                sources: vec!["specs/unified.yaml".into(), format!("specs/{pn}.yaml"), f],
                native,
                record: en.into(),
                input: Some(format!("{en}_input")),
                fields,
                not_mapped,
                selection,
                record_id_prefix: os(&m["record_id_prefix"]),
                operations,
            });
        }
        let bundle = prov.get("bundle").map(|x| {
            let id = s(&x["call"]);
            let operation = b.op(&id);
            let (_, p) = spec.op(&id);
            let (root, path) = b.root(&p);
            PlanBundle {
                operation,
                root,
                path,
                max: x["max"].as_u64().unwrap() as usize,
                members: x["members"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(k, v)| (k.clone(), v.to_string()))
                    .collect(),
                requests: s(&x["requests"]),
                request_method: s(&x["request"]["method"]),
                request_target: s(&x["request"]["target"]),
                request_name: s(&x["request"]["name"]),
                request_body: s(&x["request"]["body"]),
                responses: s(&x["responses"]),
                response_status: s(&x["response"]["status"]),
                response_body: s(&x["response"]["body"]),
                reference: s(&x["reference"]),
                halted: list(&x["halted"]),
            }
        });
        let e = &prov["errors"];
        let a = &prov["auth"];
        let d = &e["details"];
        providers.push(PlanProvider {
            name: pn.into(),
            title: s(&prov["title"]),
            base_url: if let Some(f) = prov["base_url"].get("fixed") {
                PlanBaseUrl::Fixed(s(f))
            } else {
                PlanBaseUrl::PerConnection {
                    setting: s(&prov["base_url"]["per_connection"]),
                    allowed_hosts: list(&prov["base_url"]["allowed_hosts"]),
                }
            },
            versions: PlanVersions {
                default: s(&prov["version"]["default"]),
                families: prov["version"]["families"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|f| PlanVersionFamily {
                        matches: if let Some(o) = f.get("one_of") {
                            PlanVersionMatch::OneOf(list(o))
                        } else {
                            PlanVersionMatch::AtLeast(s(&f["at_least"]))
                        },
                        roots: b
                            .roots
                            .iter()
                            .map(|r| {
                                f.get("paths")
                                    .and_then(|p| p.get(r))
                                    .map_or_else(|| r.clone(), s)
                            })
                            .collect(),
                    })
                    .collect(),
            },
            auth: PlanAuth {
                token_url: s(&a["token_url"]),
                login_url: os(&a["login_url"]),
                lifetime_seconds: a["lifetime_seconds"].as_u64(),
                base_url_member: os(&a["base_url_member"]),
                revoked: a["revoked"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(k, v)| (k.clone(), list(v)))
                    .collect(),
                incurable: list(&a["incurable"]),
            },
            errors: PlanErrors {
                list: e["list"] == true,
                code: list(&e["code"]),
                message: s(&e["message"]),
                correlation_id: os(&e["correlation_id"]),
                correlation_header: os(&e["correlation_header"]),
                details_list: os(&d["list"]),
                details_message: os(&d["message"]),
                details_code: os(&d["code"]),
                details_fields: os(&d["fields"]),
                existing_id_after: os(&e["existing_id"]["after"]),
                classify: e["classify"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|r| PlanErrorRule {
                        status: r["status"].as_u64().map(|n| n as u16),
                        codes: list(&r["code"]),
                        code: s(&r["as"]),
                        refresh: r["refresh"] == true,
                        not_carried_out: r["not_carried_out"] == true,
                    })
                    .collect(),
            },
            bundle,
            clear: if prov["clear"] == "null" {
                PlanClear::Null
            } else {
                PlanClear::EmptyText
            },
            record_id: match prov["record_id"].as_str() {
                Some("decimal") => PlanRecordId::Decimal,
                Some("base62_checked") => PlanRecordId::Base62Checked,
                _ => PlanRecordId::Text,
            },
            fields_in,
            operations: b.ops,
            entities,
            sources: vec![
                format!("specs/{pn}.yaml"),
                format!("mappings/{pn}/provider.yaml"),
            ],
        });
    }
    let plan = Plan {
        verticals,
        providers,
        routes,
    };
    for f in emit::emit(&plan) {
        let p = format!("proxy/src/generated/{}", f.path);
        std::fs::create_dir_all(std::path::Path::new(&p).parent().unwrap()).unwrap();
        std::fs::write(
            &p,
            format!(
                "// Generated by `cargo xtask codegen`. Do not edit.\n// Sources: {}\n\n{}",
                f.sources.join(", "),
                f.text
            ),
        )
        .unwrap();
        println!("{p} {}", f.text.lines().count());
    }
}
