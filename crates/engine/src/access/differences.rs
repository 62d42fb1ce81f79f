//! Where the keys in the configurations of the nodes are not the same.

use chronos_state::NodeKeys;
use chronos_types::NodeName;

/// So many sentences are told.
const MOST_TOLD: usize = 20;

/// What differs between the configurations of these members, in whole sentences. A member that has said nothing asks
/// nobody who they are.
pub(crate) fn differences(nodes: &[NodeKeys], members: &[NodeName]) -> Vec<String> {
    let of = |member: &NodeName| nodes.iter().find(|node| node.node == *member);
    let (asking, open): (Vec<_>, Vec<_>) =
        members.iter().partition(|member| of(member).is_some_and(|node| node.asks));
    let asking: Vec<_> = asking.into_iter().filter_map(of).collect();
    if asking.is_empty() {
        return Vec::new();
    }
    let mut told: Vec<_> = open
        .into_iter()
        .map(|node| {
            let others = asking[0].node.as_str();
            format!("{node} asks nobody who they are, and {others} asks for keys: give both the same auth")
        })
        .collect();
    for node in &asking[1..] {
        if node.scope_tag != asking[0].scope_tag {
            let shown =
                |tag: &Option<String>| tag.as_ref().map_or("none".to_owned(), |tag| format!("{tag:?}"));
            let (mine, others) = (shown(&node.scope_tag), shown(&asking[0].scope_tag));
            let (name, other) = (&node.node, &asking[0].node);
            told.push(format!(
                "security.scope_tag is {mine} in the configuration of {name}, and {others} in that of {other}: keys that are \
                 limited see other jobs there"
            ));
        }
    }
    let all = asking.iter().flat_map(|node| node.keys.iter());
    let mut ids: Vec<_> = all.map(|key| key.id).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let keys: Vec<_> =
            asking.iter().map(|node| (&node.node, node.keys.iter().find(|key| key.id == id))).collect();
        let Some((has, Some(key))) = keys.iter().find(|(_, key)| key.is_some()) else { continue };
        let name = format!("the key {:?} ({id}) is in the configuration of {has}", key.name);
        for (node, other) in &keys {
            match other {
                None => told.push(format!("{name} and not in that of {node}")),
                Some(other) if other != key => {
                    told.push(format!("{name} as another one than in that of {node}"))
                }
                Some(_) => {}
            }
        }
    }
    if told.len() > MOST_TOLD {
        let more = told.len() - MOST_TOLD;
        told.truncate(MOST_TOLD);
        told.push(format!("{more} more differences"));
    }
    told
}

#[cfg(test)]
mod tests {
    use chronos_state::ConfiguredKey;
    use chronos_types::{KeyId, Role};

    use super::*;

    fn node(name: &str, keys: &[(u8, &str, Role)]) -> NodeKeys {
        let key = |(id, name, role): &(u8, &str, Role)| ConfiguredKey {
            id: KeyId::new([*id; 8]),
            name: (*name).to_owned(),
            role: *role,
            expires_at: None,
            per_second: None,
            scope: Vec::new(),
        };
        let keys = keys.iter().map(key).collect();
        NodeKeys { node: NodeName::unchecked(name), asks: true, scope_tag: None, keys }
    }

    #[test]
    fn it_is_told_which_key_which_node_lacks_or_has_otherwise() {
        let ci = (1, "ci", Role::Editor);
        let members = ["n1", "n2", "n3"].map(NodeName::unchecked);
        let told = |nodes: &[NodeKeys]| differences(nodes, &members);
        assert_eq!(told(&[]), Vec::<String>::new());
        assert_eq!(told(&[node("n1", &[ci]), node("n2", &[ci]), node("n3", &[ci])]), Vec::<String>::new());
        let other = (1, "ci", Role::Admin);
        assert_eq!(
            told(&[node("n1", &[ci]), node("n2", &[]), node("n3", &[other]), node("gone", &[])]),
            [
                "the key \"ci\" (0101010101010101) is in the configuration of n1 and not in that of n2",
                "the key \"ci\" (0101010101010101) is in the configuration of n1 as another one than in that of n3",
            ]
        );
        assert_eq!(
            told(&[node("n1", &[]), node("n3", &[])]),
            ["n2 asks nobody who they are, and n1 asks for keys: give both the same auth"]
        );
    }

    #[test]
    fn it_is_told_where_another_tag_is_the_scope() {
        let members = ["n1", "n2"].map(NodeName::unchecked);
        let tagged = |name, tag: &str| NodeKeys { scope_tag: Some(tag.to_owned()), ..node(name, &[]) };
        assert_eq!(
            differences(&[tagged("n1", "team"), tagged("n2", "team")], &members),
            Vec::<String>::new()
        );
        let told = differences(&[tagged("n1", "team"), node("n2", &[])], &members);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("security.scope_tag is none in the configuration of n2, and \"team\""));
    }

    #[test]
    fn no_more_is_told_than_anybody_reads() {
        let keys: Vec<_> = (0..100).map(|id| (id, "k", Role::Viewer)).collect();
        let members = ["n1", "n2"].map(NodeName::unchecked);
        let told = differences(&[node("n1", &keys), node("n2", &[])], &members);
        assert_eq!((told.len(), told[MOST_TOLD].as_str()), (MOST_TOLD + 1, "80 more differences"));
    }
}
