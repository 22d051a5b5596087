//! Orders of people, from the control socket to a cluster's task and back.

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::desk::{ANSWER, Desk, busy, reply};
use crate::cluster::{Message, OrderSaid, OrderWanted, Sender};
use crate::control::{Answer, Ask, Given, Refusal};

/// Takes an order; it is answered in time.
pub(super) fn take(desk: &Desk<'_>, ask: Ask, who: String, answer: oneshot::Sender<Given>) {
    let Ask::Order {
        cluster,
        order,
        node,
        reason,
        force,
        dry_run,
    } = ask
    else {
        return;
    };
    let mail = match desk.mail_of(&cluster) {
        Ok(mail) => mail.clone(),
        Err(refusal) => return reply(answer, refusal),
    };
    let (heard, hears) = oneshot::channel();
    let wanted = OrderWanted {
        who: who.clone(),
        word: order.operator_word(),
        node,
        reason,
        force,
        dry_run,
        answer: heard,
    };
    tokio::spawn(give(mail, wanted, hears, who, cluster, answer));
}

/// Gives an order to a cluster's task, and its answer to whoever ordered it.
async fn give(
    mail: Sender<Message>,
    wanted: OrderWanted,
    hears: oneshot::Receiver<OrderSaid>,
    who: String,
    cluster: String,
    answer: oneshot::Sender<Given>,
) {
    if !wanted.dry_run {
        let node = wanted.node.as_deref().unwrap_or("");
        tracing::warn!("{who} orders {} of {cluster} {node}", wanted.word.word());
    }
    let said = match mail.send(Message::Order(wanted)).await {
        Ok(()) => timeout(ANSWER, hears).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    let told = match said {
        Some(OrderSaid::Weighed(plan)) => Answer::Weighed {
            plan: Box::new(plan),
        },
        Some(OrderSaid::Begun { plan, number }) => Answer::Ordered {
            who,
            number,
            plan: Box::new(plan),
        },
        Some(OrderSaid::Refused(plan, why)) => {
            let text = format!("{}: refused, nothing is done: {why}", plan.what);
            Answer::refused(Refusal::SpokenAgainst, text)
        }
        Some(OrderSaid::NoSuchNode(nodes)) => {
            let text = format!("{cluster} has no such node; it has {}", nodes.join(", "));
            Answer::refused(Refusal::Unknown, text)
        }
        None => busy(),
    };
    reply(answer, told);
}
