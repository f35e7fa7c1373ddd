//! Why a server cannot be reached.

use super::Advice;
use crate::probe::FailureReason;

#[allow(clippy::too_many_lines)] // a table
pub(super) fn of(reason: FailureReason) -> Advice {
    match reason {
        FailureReason::NameNotFound => (
            "{place} cannot be reached: the name has no address",
            "Restore the DNS record of the name, or correct the monitor; an expired domain looks like this, too.",
        ),
        FailureReason::ResolveFailed => (
            "{place} cannot be reached: the name cannot be resolved",
            "See what the name servers of the domain answer (dig +trace), and whether the operator's resolver works.",
        ),
        FailureReason::ResolveTimedOut => (
            "{place} cannot be reached: no name server answers",
            "See whether the operator's resolver, and the name servers of the domain, are up.",
        ),
        FailureReason::TargetDenied => (
            "{place} may not be reached: the address policy denies it",
            "Correct the DNS record or the monitor, or allow the address with --allow-cidr of the operator.",
        ),
        FailureReason::ConnectionRefused => (
            "{place} cannot be reached: the connection is refused",
            "See that the server runs and listens on this port, and that no firewall rejects the operator.",
        ),
        FailureReason::HostUnreachable => (
            "{place} cannot be reached: there is no route to the host",
            "See that the host is up, and that the operator has a route to its network.",
        ),
        FailureReason::ConnectTimedOut => (
            "{place} cannot be reached: the connection gets no answer",
            "See that the host is up, and that no firewall drops what the operator sends to this port.",
        ),
        FailureReason::ProxyFailed => (
            "{place} cannot be reached: the proxy does not let through",
            "See that the proxy is up, accepts the login, and allows this host and port.",
        ),
        FailureReason::StartTlsUnavailable => (
            "{place} does not offer STARTTLS",
            "Switch on STARTTLS in the server's settings, or correct tls.startTLS of the monitor.",
        ),
        FailureReason::StartTlsInjection => (
            "{place} mixes plain text into TLS",
            "Update the server, or what filters its connections: clients may take what others sent for protected.",
        ),
        FailureReason::StartTlsFailed => (
            "{place} breaks off before STARTTLS",
            "See that the server speaks the protocol of tls.startTLS at this port, and what its log says.",
        ),
        FailureReason::ConnectionReset => (
            "{place} cannot be reached: the connection is reset",
            "See what the server's log says; load balancers without a backend, and firewalls, reset connections, too.",
        ),
        FailureReason::ConnectionClosed => (
            "{place} cannot be reached: the connection is closed in the handshake",
            "See what the server's log says, and that it speaks TLS at this port.",
        ),
        FailureReason::HandshakeTimedOut => (
            "{place} cannot be reached: the handshake does not come to its end",
            "See whether the server is overloaded, or something between drops large packets.",
        ),
        FailureReason::NotTls => (
            "{place} does not speak TLS",
            "Correct the port, set tls.startTLS of the monitor if the protocol has it, or switch on TLS in the server.",
        ),
        FailureReason::ProtocolTooOld => (
            "{place} speaks only old versions of TLS",
            "Switch on TLS 1.2 and 1.3 in the server's settings, or update it: clients of today refuse to connect.",
        ),
        FailureReason::NoCommonCipher => (
            "{place} has no cipher suite in common with clients of today",
            "Switch on the usual cipher suites (ECDHE with AES-GCM or ChaCha20) and groups in the server's settings.",
        ),
        FailureReason::ServerNameRejected => (
            "{place} does not know this name",
            "Set up the name in the server or load balancer, or correct tls.serverName of the monitor.",
        ),
        FailureReason::ClientCertificateRequired => (
            "{place} demands a client certificate",
            "Give the monitor one with tls.clientCertificateRef if the server is meant to ask for it.",
        ),
        FailureReason::ServerInternalError => (
            "{place} reports an internal error in the handshake",
            "See what the server's log says: often it cannot read its certificate or key.",
        ),
        FailureReason::HandshakeRefused => (
            "{place} refuses the handshake",
            "See what the server's log says about the TLS alert that the message names.",
        ),
        FailureReason::NoCertificate => {
            ("{place} presents no certificate", "Give the server a certificate for this name.")
        }
        FailureReason::CertificateTooLarge => (
            "{place} sends more certificates than are read",
            "Install the certificate with its intermediates only, and no others.",
        ),
        FailureReason::ProtocolViolation => (
            "{place} breaks the TLS protocol",
            "Update the server, or what terminates TLS for it; see whether a middlebox tampers with the connection.",
        ),
        FailureReason::ProbeError => (
            "{place} could not be checked",
            "See the operator's log and its limits (open files, memory): the fault is on its side.",
        ),
    }
}
