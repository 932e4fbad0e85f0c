//! Putting a question to the client's user: by `elicitation/create` while the call waits, or, where the protocol has no
//! requests to clients (2026-07-28), as the call's answer, with a sealed state that comes back with what was said.

use crate::guard::{Answer, Ask, BadState, Guard, IN_CLIENT, Opened, Person, Question, Returned};
use futures_util::{FutureExt as _, future::BoxFuture};
use rmcp::{
    RoleServer,
    model::{
        CallToolRequestParams, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
        InputRequest, InputRequiredResult, ProtocolVersion, RequestStateCodec, RequestStateError, SealOptions,
    },
    service::{Peer, RequestContext},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The name of the question in the client's answer, and of the one thing that is asked.
const APPROVE: &str = "approve";

/// Longer states are none of this server's.
const MAX_STATE: usize = 4096;

/// Whom a call may ask.
pub(super) fn person(guard: &Guard, request: &CallToolRequestParams, context: &RequestContext<RoleServer>) -> Person {
    if !can_ask(context) || is_asked_meanwhile(context) {
        return person_meanwhile(context);
    }
    Person::Rounds(request.request_state.as_deref().map(|state| Returned {
        question: open(guard, &request.name, state),
        answer: request.input_responses.as_ref().and_then(|all| all.get(APPROVE)).map(|said| {
            serde_json::from_value::<ElicitResult>(said.clone()).map_or(Answer::Unusable, |said| answer(&said))
        }),
    }))
}

/// Whom anything but a call may ask: only a client that is asked while it waits, since its answer has no second round.
pub(super) fn person_meanwhile(context: &RequestContext<RoleServer>) -> Person {
    if can_ask(context) && is_asked_meanwhile(context) {
        return Person::Present(Arc::new(Client { peer: context.peer.clone() }));
    }
    Person::Absent
}

fn can_ask(context: &RequestContext<RoleServer>) -> bool {
    let asks = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    // Clients that name no way mean forms, the only one there was at first.
    asks.is_some_and(|asks| asks.form.is_some() || asks.url.is_none())
}

/// Whether the protocol is one in which a server asks while a request waits.
fn is_asked_meanwhile(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_none_or(|version| version < ProtocolVersion::V_2026_07_28)
}

/// A client that is asked while the call waits.
#[derive(Debug)]
struct Client {
    peer: Peer<RoleServer>,
}

impl Ask for Client {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer> {
        async move {
            let Some(form) = form(question) else { return Answer::Unusable };
            // A little before the guard gives up, so that the client is told that the question is over.
            let wait = IN_CLIENT.saturating_sub(Duration::from_secs(1));
            match self.peer.create_elicitation_with_timeout(form, Some(wait)).await {
                Ok(said) => answer(&said),
                Err(rmcp::ServiceError::Timeout { .. }) => Answer::Silence,
                Err(_) => Answer::Unusable,
            }
        }
        .boxed()
    }
}

/// Only a yes that is said twice, by accepting the form and by what is filled in, is one.
fn answer(said: &ElicitResult) -> Answer {
    match (&said.action, said.content.as_ref().and_then(|content| content.get(APPROVE))) {
        (ElicitationAction::Accept, Some(Value::Bool(true))) => Answer::Approved,
        (ElicitationAction::Accept, Some(Value::Bool(false))) | (ElicitationAction::Decline, _) => Answer::Declined,
        (ElicitationAction::Cancel, _) => Answer::Dismissed,
        _ => Answer::Unusable,
    }
}

fn form(question: &Question) -> Option<ElicitRequestParams> {
    let schema = ElicitationSchema::builder().required_bool_with(APPROVE, |approve| {
        approve.title("Approve").description("Yes lets this one call go on; it is for nothing else").with_default(false)
    });
    Some(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.message(),
        requested_schema: schema.build().ok()?,
    })
}

/// The question as the answer to a call.
pub(super) fn input_required(guard: &Guard, question: &Question) -> Option<InputRequiredResult> {
    let asks = BTreeMap::from([(APPROVE.to_owned(), InputRequest::Elicitation(ElicitRequest::new(form(question)?)))]);
    let bound = bound(guard, question.tool);
    let options = SealOptions::new().associated_data(&bound).ttl(IN_CLIENT);
    let payload = json!([question.id, question.binding]);
    let state = codec(guard).ok()?.seal_json_with(&payload, &options).ok()?;
    Some(InputRequiredResult::new(Some(asks), Some(state)))
}

fn open(guard: &Guard, tool: &str, state: &str) -> Result<Opened, BadState> {
    if state.len() > MAX_STATE {
        return Err(BadState::Forged);
    }
    let opened = codec(guard).and_then(|codec| codec.open_json_with(state, &bound(guard, tool)));
    match opened {
        Ok((id, binding)) => Ok(Opened { id, binding }),
        Err(RequestStateError::Expired) => Err(BadState::Expired),
        Err(_) => Err(BadState::Forged),
    }
}

/// What a state is sealed for.
fn bound(guard: &Guard, tool: &str) -> Vec<u8> {
    json!([guard.grant(), tool]).to_string().into_bytes()
}

fn codec(guard: &Guard) -> Result<RequestStateCodec, RequestStateError> {
    RequestStateCodec::try_new(guard.seal_key().as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Answer {
        serde_json::from_str::<ElicitResult>(text).map_or(Answer::Unusable, |said| answer(&said))
    }

    #[test]
    fn only_a_form_that_is_accepted_with_yes_approves() {
        assert_eq!(said(r#"{"action": "accept", "content": {"approve": true}}"#), Answer::Approved);
        assert_eq!(said(r#"{"action": "accept", "content": {"approve": false}}"#), Answer::Declined);
        assert_eq!(said(r#"{"action": "decline", "content": {"approve": true}}"#), Answer::Declined);
        assert_eq!(said(r#"{"action": "cancel", "content": {"approve": true}}"#), Answer::Dismissed);
        for unusable in [
            r#"{"action": "accept"}"#,
            r#"{"action": "accept", "content": {}}"#,
            r#"{"action": "accept", "content": {"approve": "true"}}"#,
            r#"{"action": "accept", "content": {"approve": 1}}"#,
            r#"{"action": "accept", "content": {"Approve": true}}"#,
            r#"{"action": "accept", "content": [true]}"#,
            r#"{"action": "yes", "content": {"approve": true}}"#,
            r#"{"content": {"approve": true}}"#,
            "true",
        ] {
            assert_eq!(said(unusable), Answer::Unusable, "{unusable}");
        }
    }
}
