//! PEM as it is found in the field: a byte order mark before a block, and the labels of OpenSSL.
//!
//! `BEGIN TRUSTED CERTIFICATE` holds a certificate and, behind it, what it is trusted for. That is heeded:
//! a root that its file rejects for TLS is none here.

use rustls::pki_types::CertificateDer;
use std::borrow::Cow;

/// The mark of Windows' programs before text in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The content with the labels that are usual today, and without marks, which stand amid a file too when
/// several were put together.
pub(super) fn usual(content: Vec<u8>) -> Vec<u8> {
    let odd: [(&[u8], &[u8]); 3] = [
        (b"TRUSTED CERTIFICATE-----", b"CERTIFICATE-----"),
        (b"X509 CERTIFICATE-----", b"CERTIFICATE-----"),
        (MARK, b""),
    ];
    let content =
        odd.iter().fold(
            Cow::Owned(content),
            |content: Cow<'_, [u8]>, (from, to)| match memchr::memmem::find(&content, from) {
                None => content,
                Some(_) => Cow::Owned(replaced(&content, from, to)),
            },
        );
    content.into_owned()
}

fn replaced(content: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut done) = (Vec::with_capacity(content.len()), 0);
    for at in memchr::memmem::find_iter(content, from) {
        out.extend_from_slice(&content[done..at]);
        out.extend_from_slice(to);
        done = at + from.len();
    }
    out.extend_from_slice(&content[done..]);
    out
}

/// OIDs in DER: any purpose, and that of a TLS server and client (RFC 5280 section 4.2.1.12).
const PURPOSES: [&[u8]; 3] = [
    &[0x06, 4, 0x55, 0x1d, 0x25, 0],
    &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1],
    &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2],
];

/// The certificate without what stands behind it; `None` if that rejects it for TLS.
pub(super) fn trusted(der: &CertificateDer<'static>) -> Option<CertificateDer<'static>> {
    let Some((_, certificate, behind)) = element(der) else { return Some(der.clone()) };
    if behind.is_empty() {
        return Some(der.clone());
    }
    let (_, whole, _) = element(behind).unwrap_or((0, behind, &[]));
    let mut fields = content(whole);
    let names = |list: &[u8]| PURPOSES.iter().any(|purpose| memchr::memmem::find(list, purpose).is_some());
    while let Some((tag, field, rest)) = element(fields) {
        match tag {
            // The purposes that the certificate is trusted for, if it lists any.
            0x30 if !names(field) => return None,
            // The purposes that it is rejected for.
            0xa0 if names(field) => return None,
            _ => {}
        }
        fields = rest;
    }
    Some(CertificateDer::from(certificate.to_vec()))
}

/// The tag of the first element, the whole of it, and what stands behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, length) = head(der)?;
    let (whole, rest) = der.split_at_checked(head.checked_add(length)?)?;
    Some((*der.first()?, whole, rest))
}

fn content(element: &[u8]) -> &[u8] {
    head(element).and_then(|(head, _)| element.get(head..)).unwrap_or_default()
}

/// Length of the head of an element, and of the content that follows it, bytes.
fn head(der: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*der.get(1)?);
    if first < 0x80 {
        return Some((2, first));
    }
    let count = first & 0x7f;
    let bytes = der.get(2..2 + count).filter(|_| count <= 4)?;
    Some((2 + count, bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, content.len() as u8], content].concat()
    }

    #[test]
    fn labels_and_marks_become_usual() {
        let given = b"\xef\xbb\xbf-----BEGIN TRUSTED CERTIFICATE-----\nAA\n-----END TRUSTED CERTIFICATE-----\n\xef\xbb\xbf-----BEGIN X509 CERTIFICATE-----";
        let wanted =
            b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----";
        assert_eq!(usual(given.to_vec()), wanted);
        assert_eq!(usual(b"-----BEGIN X509 CRL-----".to_vec()), b"-----BEGIN X509 CRL-----");
    }

    #[test]
    fn what_a_certificate_is_rejected_for_is_heeded() {
        let certificate = der(0x30, b"certificate");
        let email = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 4];
        for (behind, is_trusted) in [
            (vec![], true),
            (der(0x30, &[]), true),
            (der(0x30, &der(0x0c, b"alias")), true),
            (der(0x30, &der(0x30, PURPOSES[1])), true),
            (der(0x30, &der(0x30, PURPOSES[0])), true),
            (der(0x30, &der(0x30, &email)), false),
            (der(0x30, &der(0xa0, PURPOSES[1])), false),
            (der(0x30, &der(0xa0, &email)), true),
        ] {
            let given = CertificateDer::from([certificate.clone(), behind.clone()].concat());
            let kept = trusted(&given).map(|kept| kept.to_vec());
            assert_eq!(kept, is_trusted.then(|| certificate.clone()), "{behind:?}");
        }
    }
}
