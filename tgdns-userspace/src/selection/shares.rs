//! What part of the answers each server has, as the weights say.

use crate::{
    cluster::{Answer, Cluster, Select},
    publish::{Draws, bucket_shares},
};

/// By server: the part of the answers that have it, or, where all servers are in every answer, that begin with it. Where a client
/// is told the same again and again it is the part of the clients, as they are shared out in fact: by buckets that follow the weights
/// on average only (of servers with several addresses or hidden ones it is what it would be without).
pub(crate) fn of_cluster(cluster: &Cluster, weights: &[u32], draws: &Draws) -> Vec<f64> {
    match cluster.policy.select {
        Select::Rotate | Select::Weighted => shares(weights, cluster.answer, cluster.policy.select),
        Select::Sticky { .. } => of_buckets(cluster, weights, draws),
    }
}

fn of_buckets(cluster: &Cluster, weights: &[u32], draws: &Draws) -> Vec<f64> {
    let weighed = cluster.servers.iter().zip(weights).filter(|(_, weight)| **weight != 0);
    let bidders: Vec<(&str, u64)> =
        weighed.map(|(server, weight)| (server.name.as_str(), u64::from(*weight))).collect();
    let size = match cluster.answer {
        Answer::Subset(size) if usize::from(size) < bidders.len() => size.into(),
        Answer::Subset(_) | Answer::All | Answer::One => 1,
    };
    let mut parts = bucket_shares(&bidders, size, draws).into_iter();
    let share = |weight: &u32| if *weight == 0 { 0.0 } else { parts.next().unwrap_or(0.0) };
    weights.iter().map(share).collect()
}

/// The same by what the weights say.
pub fn shares(weights: &[u32], answer: Answer, select: Select) -> Vec<f64> {
    let weight = |weight: &u32| match select {
        Select::Rotate => f64::from(u8::from(*weight != 0)),
        Select::Weighted | Select::Sticky { .. } => f64::from(*weight),
    };
    let weights: Vec<f64> = weights.iter().map(weight).collect();
    let count = weights.iter().filter(|weight| **weight > 0.0).count();
    match answer {
        Answer::Subset(size) if usize::from(size) >= count => first(&weights),
        Answer::Subset(size) => included(&weights, size.into()),
        Answer::All | Answer::One => first(&weights),
    }
}

fn first(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| if total > 0.0 { weight / total } else { 0.0 }).collect()
}

/// A share of more than every answer is one of every answer, and the others share out the rest.
fn included(weights: &[f64], size: usize) -> Vec<f64> {
    let mut shares: Vec<Option<f64>> = vec![None; weights.len()];
    loop {
        let points = size - shares.iter().flatten().count();
        let open = || weights.iter().zip(&shares).filter(|(_, share)| share.is_none());
        let total: f64 = open().map(|(weight, _)| weight).sum();
        let full = weights
            .iter()
            .zip(&shares)
            .position(|(weight, share)| share.is_none() && points > 0 && weight * points as f64 >= total);
        match full {
            Some(server) if total > 0.0 => {
                shares.iter_mut().skip(server).take(1).for_each(|share| *share = Some(1.0))
            }
            _ => {
                let of = |(weight, share): (&f64, &Option<f64>)| {
                    share.unwrap_or(if total > 0.0 { weight * points as f64 / total } else { 0.0 })
                };
                return weights.iter().zip(&shares).map(of).collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_from_weights() {
        for (weights, answer, select, expected) in [
            (&[1, 3, 0][..], Answer::One, Select::Weighted, &[0.25, 0.75, 0.0][..]),
            (&[1, 3, 0], Answer::All, Select::Rotate, &[0.5, 0.5, 0.0]),
            (&[1, 2, 3], Answer::Subset(2), Select::Weighted, &[1.0 / 3.0, 2.0 / 3.0, 1.0]),
            (&[1, 1, 1, 1], Answer::Subset(2), Select::Weighted, &[0.5, 0.5, 0.5, 0.5]),
            (&[0, 0], Answer::One, Select::Weighted, &[0.0, 0.0]),
            (&[4, 1, 1], Answer::Subset(3), Select::Weighted, &[4.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]),
        ] {
            let shares = shares(weights, answer, select);
            let same = shares.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-9);
            assert!(same && shares.len() == expected.len(), "{weights:?} {answer:?}: {shares:?}");
        }
    }
}
