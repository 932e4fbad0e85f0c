//! Reading conditions: their types are settled here, once, against what the tools take and what facts are.

use super::{
    block::{Blocks, Reach},
    keys,
    reader::{Node, Reader, one_of},
};
use crate::guard::{
    catalogue::{Argument, ValueType},
    condition::{Condition, FACTS, Finding, Looks, Operand, Operator, Sense, Test, compile},
    subject::Kind,
};
use serde_json::Value;
use std::collections::BTreeSet;

type Aims = (Looks, BTreeSet<&'static str>, Vec<Argument>);

impl Blocks<'_> {
    pub(super) fn read_condition<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        node: &Node<'a>,
        sense: Sense,
        reach: &Reach,
        told: Option<&str>,
    ) -> Option<Condition> {
        let table = reader.table(node)?;
        reader.keys(&table, keys::CONDITION);
        let path = reader.required(&table, "path");
        let op = reader.required(&table, "op");
        let operator = op.as_ref().and_then(|node| reader.choice(node, Operator::ALL, Operator::as_str));
        let aimed = path.as_ref().and_then(|path| self.aims(reader, path, reach));
        let value = match (operator, table.get("value")) {
            (Some(Operator::Exists), None) => None,
            (_, Some(value)) => Some(value),
            (_, None) => Some(reader.required(&table, "value")?),
        };
        let (operator, op, path, (looks, tools, aims)) = (operator?, op?, path?, aimed?);
        let operands = read_operands(reader, operator, value.as_ref())?;
        for argument in &aims {
            if let Some(fault) = unsuited(operator, &argument.takes) {
                let shown = reader.text(&path)?;
                reader.reject(&op, format!("`{shown}` is {}, and {fault}", argument.takes.name()));
                return None;
            }
            let takes = match (&argument.takes, operator) {
                (ValueType::List(Some(member)), Operator::Contains) => member,
                (ValueType::List(None), _) | (_, Operator::Exists) => continue,
                (takes, _) => takes,
            };
            if let Some(wrong) = operands.iter().find(|operand| !operand.fits(takes)) {
                let shown = reader.text(&path)?;
                let fault = format!("`{shown}` is {}, which can't be compared with {}", takes.name(), wrong.name());
                reader.reject(value.as_ref().unwrap_or(node), fault);
                return None;
            }
        }
        let test = build(reader, operator, &operands, value.as_ref())?;
        self.warn(node, sense, &test, &operands, &looks, &aims);
        let (rule, on_deny) = (node.at.clone(), told.map(ToOwned::to_owned));
        Some(Condition { sense, looks, tools, operator, test, rule, on_deny })
    }

    /// What a path names, the tools that have it, and what it is in each; a fact is the same in all.
    fn aims<'a>(&mut self, reader: &mut Reader<'a>, node: &Node<'a>, reach: &Reach) -> Option<Aims> {
        let path = reader.text(node)?;
        let Some(name) = path.strip_prefix("args.") else {
            let names: Vec<&str> = FACTS.iter().map(|(name, ..)| *name).collect();
            let Some((fact, takes, _)) = FACTS.iter().find(|(name, ..)| *name == path) else {
                reader.unknown_name(node, "fact", path, &names);
                return None;
            };
            let changing = reach.tools.iter().filter(|tool| tool.kind != Kind::Read);
            let changing: BTreeSet<_> = changing.map(|tool| tool.tool).collect();
            if changing.is_empty() {
                reader.reject(
                    node,
                    format!(
                        "`{fact}` is a fact, which only tools that change something state: none of those here does, \
                         so ask for an argument (args.NAME)"
                    ),
                );
                return None;
            }
            let argument = Argument {
                name: path.to_owned(),
                takes: takes.clone(),
                choices: Vec::new(),
                least: None,
                most: None,
                always: false,
            };
            return Some((Looks::Fact(fact), changing, vec![argument]));
        };
        let (mut aims, mut tools) = (Vec::new(), BTreeSet::new());
        let mut known: Vec<String> = Vec::new();
        for tool in &reach.tools {
            let arguments = self.arguments.entry(tool.tool).or_insert_with(|| self.catalogue.arguments(tool.tool));
            if let Some(argument) = arguments.iter().find(|argument| argument.name == name) {
                aims.push(argument.clone());
                tools.insert(tool.tool);
            }
            known.extend(arguments.iter().map(|argument| format!("args.{}", argument.name)));
        }
        if aims.is_empty() {
            known.sort();
            known.dedup();
            reader.unknown_name(node, "argument", path, &known.iter().map(String::as_str).collect::<Vec<_>>());
            return None;
        }
        Some((Looks::Argument(name.to_owned()), tools, aims))
    }

    /// Warns of a condition that decides nothing, or everything.
    fn warn(
        &mut self,
        node: &Node<'_>,
        sense: Sense,
        test: &Test,
        operands: &[Operand],
        looks: &Looks,
        aims: &[Argument],
    ) {
        let ends: Vec<Option<bool>> = aims.iter().map(|aim| foregone(test, operands, aim)).collect();
        let always_there = aims.iter().all(|aim| aim.always);
        let every = |wanted| ends.iter().all(|end| *end == Some(wanted));
        let remark = match sense {
            Sense::Require if every(false) => "can never hold, so it refuses every call",
            Sense::DenyIf if every(false) => "can never hold, so it refuses nothing",
            Sense::Require if every(true) && always_there => "always holds, so it refuses nothing",
            Sense::DenyIf if every(true) && always_there => "always holds, so it refuses every call",
            _ => "",
        };
        if !remark.is_empty() {
            self.warnings.push((node.start(), format!("{}: {remark}", node.at)));
        }
        let Looks::Argument(name) = looks else { return };
        let mut choices: Vec<&str> = Vec::new();
        for choice in aims.iter().flat_map(|aim| &aim.choices) {
            if !choices.contains(&choice.as_str()) {
                choices.push(choice);
            }
        }
        let open = aims.iter().any(|aim| aim.choices.is_empty());
        if open || !matches!(test, Test::Eq(_) | Test::Neq(_) | Test::In(_) | Test::NotIn(_)) {
            return;
        }
        for operand in operands {
            if let Operand::Text(text) = operand
                && !choices.contains(&text.as_str())
            {
                let names = one_of(text, &choices);
                let remark = format!("{}: `args.{name}` is never `{text}`; it is one of {names}", node.at);
                self.warnings.push((node.start(), remark));
            }
        }
    }
}

/// The values that a condition compares with.
fn read_operands<'a>(reader: &mut Reader<'a>, operator: Operator, value: Option<&Node<'a>>) -> Option<Vec<Operand>> {
    let Some(value) = value else { return Some(vec![Operand::Flag(true)]) };
    match operator {
        Operator::In | Operator::NotIn => {
            let nodes = reader.list(value)?;
            let operands: Vec<_> = nodes.iter().filter_map(|node| reader.operand(node)).collect();
            (operands.len() == nodes.len()).then_some(operands)
        }
        Operator::Exists => Some(vec![Operand::Flag(reader.flag(value)?)]),
        Operator::Regex | Operator::Matches => Some(vec![Operand::text(reader.text(value)?)]),
        _ => Some(vec![reader.operand(value)?]),
    }
}

/// Why values of that type can't be asked that.
fn unsuited(operator: Operator, takes: &ValueType) -> Option<String> {
    use Operator as O;
    use ValueType as V;
    let fault = match (operator, takes) {
        (O::Exists, _)
        | (O::Contains, V::Text | V::List(_))
        | (O::Regex | O::Matches, V::Text)
        | (O::Lt | O::Lte | O::Gt | O::Gte, V::Integer | V::Number)
        | (O::Eq | O::Neq | O::In | O::NotIn, V::Text | V::Integer | V::Number | V::Flag) => return None,
        (_, V::Other) => "only `exists` can be asked of it".to_owned(),
        (_, V::List(_)) => format!("`{operator}` is for single values: `contains` looks for a member"),
        (O::Regex | O::Matches, _) => format!("`{operator}` is for texts"),
        (O::Contains, _) => "`contains` is for texts and lists".to_owned(),
        _ => format!("`{operator}` is for numbers"),
    };
    Some(fault)
}

fn build<'a>(
    reader: &mut Reader<'a>,
    operator: Operator,
    operands: &[Operand],
    value: Option<&Node<'a>>,
) -> Option<Test> {
    let one = operands.first().cloned();
    Some(match operator {
        Operator::Eq => Test::Eq(one?),
        Operator::Neq => Test::Neq(one?),
        Operator::In => Test::In(operands.to_vec()),
        Operator::NotIn => Test::NotIn(operands.to_vec()),
        Operator::Lt => Test::Lt(one?),
        Operator::Lte => Test::Lte(one?),
        Operator::Gt => Test::Gt(one?),
        Operator::Gte => Test::Gte(one?),
        Operator::Contains => Test::Contains(one?),
        Operator::Exists => Test::Exists(one? == Operand::Flag(true)),
        Operator::Regex | Operator::Matches => {
            let Some(Operand::Text(pattern)) = one else { return None };
            match compile(&pattern, operator == Operator::Matches) {
                Ok(regex) => Test::Regex(regex),
                Err(fault) => {
                    reader.reject(value?, fault);
                    return None;
                }
            }
        }
    })
}

/// Whether a test ends the same whatever value the argument has, as far as that can be told.
fn foregone(test: &Test, operands: &[Operand], argument: &Argument) -> Option<bool> {
    if let Test::Exists(wanted) = test {
        return argument.always.then_some(*wanted);
    }
    let values: Vec<Value> = match (&argument.takes, test) {
        (_, Test::In(all)) if all.is_empty() => return Some(false),
        (_, Test::NotIn(all)) if all.is_empty() => return Some(true),
        (ValueType::Text, _) if !argument.choices.is_empty() => {
            argument.choices.iter().map(|choice| choice.as_str().into()).collect()
        }
        (ValueType::Flag, _) => vec![false.into(), true.into()],
        (ValueType::Integer, _) if argument.least.is_some() || argument.most.is_some() => {
            numbers(operands, argument.least.unwrap_or(i64::MIN), argument.most.unwrap_or(i64::MAX))
        }
        _ => return None,
    };
    let first = test.find(values.first()) == Finding::Holds;
    values.iter().all(|value| (test.find(Some(value)) == Finding::Holds) == first).then_some(first)
}

/// One number of each stretch in which comparing with the operands ends the same.
fn numbers(operands: &[Operand], least: i64, most: i64) -> Vec<Value> {
    let around = operands.iter().flat_map(|operand| match operand {
        Operand::Whole(whole) => vec![whole.saturating_sub(1), *whole, whole.saturating_add(1)],
        _ => Vec::new(),
    });
    let around = around.filter_map(|number| i64::try_from(number).ok());
    let within = around.filter(|number| (least..=most).contains(number));
    within.chain([least, most]).map(Value::from).collect()
}
