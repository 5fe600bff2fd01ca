//! The borders within an OTLP request: resources, scopes and items, each as bytes that can be put together
//! again to a request.
//!
//! Requests have been checked before they come here; what is broken nevertheless ends the walk with an error.
//! Fields that OTLP does not know stay with what they stand in.

use std::sync::Arc;

use spanreel::view::WireError;

use crate::error::StoreError;

/// `ExportTraceServiceRequest.resource_spans` and the like of logs.
const RESOURCE_ITEMS: u64 = 1;
/// `ResourceSpans.scope_spans`.
const SCOPE_ITEMS: u64 = 2;
/// `ScopeSpans.spans`.
const ITEMS: u64 = 2;

/// Wire type 2: a length and as many bytes.
const LEN: u64 = 2;

/// One field of a message: its bytes with tag and length, and its content where it has a length.
struct Field<'a> {
    number: u64,
    whole: &'a [u8],
    content: Option<&'a [u8]>,
}

/// A varint and what comes behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// Appends a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a varint off the front.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (value, rest) = varint(bytes)?;
    *bytes = rest;
    Some(value)
}

fn field(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let (content, rest) = match tag & 7 {
        0 => (None, varint(rest)?.1),
        1 => (None, rest.get(8..)?),
        LEN => {
            let (length, rest) = varint(rest)?;
            let (content, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Some(content), rest)
        }
        5 => (None, rest.get(4..)?),
        _ => return None,
    };
    let field = Field {
        number: tag >> 3,
        whole: &bytes[..bytes.len() - rest.len()],
        content,
    };
    Some((field, rest))
}

/// Calls `each` with every field of a message.
fn fields<'a>(
    message: &'a [u8],
    mut each: impl FnMut(Field<'a>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut rest = message;
    while !rest.is_empty() {
        let (field, behind) = field(rest).ok_or(WireError::Truncated {
            at: message.len() - rest.len(),
        })?;
        rest = behind;
        each(field)?;
    }
    Ok(())
}

/// Splits a message into its repeated field `number`, and the rest in one piece.
fn split(message: &[u8], number: u64) -> Result<(Vec<u8>, Vec<&[u8]>), StoreError> {
    let (mut header, mut parts) = (Vec::new(), Vec::new());
    fields(message, |field| {
        match field.content {
            Some(content) if field.number == number => parts.push(content),
            _ => header.extend_from_slice(field.whole),
        }
        Ok(())
    })?;
    Ok((header, parts))
}

/// What one scope of one resource recorded.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// Who: the resource's message but for its scopes, and the scope's but for its items.
    pub(crate) origin: Origin,
    /// Spans or log records.
    pub(crate) items: Vec<&'a [u8]>,
}

/// Where items come from, in wire form: what stands beside the scopes in their resource's message, and what
/// stands beside the items in their scope's.
///
/// A resource is as long as its sender likes, and all scopes in it share the bytes of one: a request of many
/// small scopes would take its size times their number else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) resource: Arc<[u8]>,
    pub(crate) scope: Vec<u8>,
}

impl Origin {
    /// One run of bytes that says both.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.resource.len() + self.scope.len() + 3);
        put_varint(&mut bytes, self.resource.len() as u64);
        bytes.extend_from_slice(&self.resource);
        bytes.extend_from_slice(&self.scope);
        bytes
    }

    /// The reverse.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
        let (resource, scope) = bytes.split_at_checked(length)?;
        Some(Self {
            resource: resource.into(),
            scope: scope.to_vec(),
        })
    }
}

/// All groups of a request that have items: the others say nothing. Those of one resource share its bytes.
pub(crate) fn groups(request: &[u8]) -> Result<Vec<Group<'_>>, StoreError> {
    let mut groups = Vec::new();
    fields(request, |field| {
        let (RESOURCE_ITEMS, Some(group)) = (field.number, field.content) else {
            return Ok(());
        };
        let (resource, scopes) = split(group, SCOPE_ITEMS)?;
        let resource: Arc<[u8]> = resource.into();
        for scope in scopes {
            let (scope, items) = split(scope, ITEMS)?;
            if items.is_empty() {
                continue;
            }
            let resource = Arc::clone(&resource);
            let origin = Origin { resource, scope };
            groups.push(Group { origin, items });
        }
        Ok(())
    })?;
    Ok(groups)
}

fn put_field(out: &mut Vec<u8>, number: u64, content: &[u8]) {
    put_varint(out, number << 3 | LEN);
    put_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Adds to `request` the items of one origin.
pub(crate) fn put_group<'a>(
    request: &mut Vec<u8>,
    origin: &Origin,
    items: impl IntoIterator<Item = &'a [u8]>,
) {
    let mut scope = origin.scope.clone();
    for item in items {
        put_field(&mut scope, ITEMS, item);
    }
    let mut group = origin.resource.to_vec();
    put_field(&mut group, SCOPE_ITEMS, &scope);
    put_field(request, RESOURCE_ITEMS, &group);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use spanreel::Signal;
    use spanreel::view::RequestView;

    use super::*;

    /// A request with two scopes in one resource.
    fn request() -> Vec<u8> {
        let mut request = Vec::new();
        let origin = |scope: &[u8]| Origin {
            resource: Arc::from([0x0a, 0]),
            scope: scope.to_vec(),
        };
        put_group(&mut request, &origin(&[]), [&[][..], &[0x2a, 1, b'a'][..]]);
        put_group(&mut request, &origin(&[0x1a, 1, b'u']), [&[][..]]);
        request
    }

    /// What is split can be put together to the same request.
    #[test]
    fn what_is_split_can_be_put_together() {
        let request = request();
        let view = RequestView::new(Signal::Traces, &request).expect("it is valid");
        assert_eq!(view.spans().count(), 3);
        let groups = groups(&request).expect("it is valid");
        let mut again = Vec::new();
        for group in &groups {
            let origin = Origin::from_bytes(&group.origin.to_bytes()).expect("it was just made");
            assert_eq!(origin, group.origin);
            put_group(&mut again, &origin, group.items.iter().copied());
        }
        assert_eq!(again, request);
    }

    /// Scopes without items are passed over, and all scopes of a resource share its bytes, whatever their number.
    #[test]
    fn scopes_share_the_bytes_of_their_resource() {
        let mut group = Vec::new();
        put_field(&mut group, 1, &[0; 1_000]);
        for _ in 0..500 {
            put_field(&mut group, SCOPE_ITEMS, &[]);
            put_field(&mut group, SCOPE_ITEMS, &[0x12, 0]);
        }
        let mut request = Vec::new();
        put_field(&mut request, RESOURCE_ITEMS, &group);
        let groups = groups(&request).expect("it is valid");
        assert_eq!(groups.len(), 500);
        let first = &groups[0].origin.resource;
        let are_shared = |it: &Group<'_>| Arc::ptr_eq(&it.origin.resource, first);
        assert!(groups.iter().all(are_shared));
    }

    proptest! {
        /// Whatever the bytes are, walking them ends without a panic.
        #[test]
        fn any_bytes_can_be_walked(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _walked = groups(&bytes);
            let _read = Origin::from_bytes(&bytes);
        }
    }
}
