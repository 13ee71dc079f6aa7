//! The process itself: role, address, limits, data, sign-up.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::choice::{Mode, UnknownFields};
use crate::config::listen_address::ListenAddress;
use crate::config::secret::Secret;
use crate::config::section::section;

/// The encryption key of local development; refused wherever other machines can connect.
pub const DEV_ENCRYPTION_KEY: &str = "local-development-encryption-key-never-for-production";

section! {
    /// Role of the process.
    Deployment at "deployment" used {
        mode: Mode = "local", "`local` runs everything in one process; the others need a build with the `cluster` feature";
    }
}

section! {
    /// The HTTP server and its limits.
    Server at "server" used {
        address: ListenAddress = "127.0.0.1:8080", "where to listen; `:8080` means all interfaces and needs secrets of your own";
        allowed_origins: Vec<String> = "", "origins such as https://app.example whose web pages may call the API, `*` = all; empty = none; needs keys of your own";
        allowed_hosts: Vec<String> = "", "host names, besides localhost and loopback addresses, by which a server on a loopback address may be called";
        max_body_bytes: usize = "33554432", "largest request body, 32 MiB; a larger one is refused" [at_least(1024)];
        unknown_fields: UnknownFields = "refuse", "fields and parameters that a request should not have: refused with the nearest name, or ignored and named in `x-flexprice-ignored-fields`; those of events are always ignored";
        max_bodies_bytes: usize = "134217728", "bytes of all request bodies under way, 128 MiB; beyond it 503 with Retry-After. Bodies over 256 KiB leave a quarter to smaller ones" [at_least(1024)];
        max_in_flight_requests: usize = "2048", "requests worked on at the same time; beyond it 503 with Retry-After" [at_least(1)];
        max_connections: usize = "4096", "connections open at the same time, and at most half of the files that the process may open; beyond it the one goes that has kept the server waiting longest" [at_least(1)];
        header_timeout: Duration = "10s", "how long a new connection may take for the head of its first request";
        idle_timeout: Duration = "75s", "how long an answered connection may take until the head of its next request is there; longer than what a load balancer in front keeps it";
        request_timeout: Duration = "1m", "longest time for one request; 0s = no limit";
        metrics_every: Duration = "15s", "how old numbers of the database and of files may be in `/metrics`; they are not gathered more often";
        shutdown_timeout: Duration = "30s", "how long a stopping server waits for requests that it works on; for clients it waits 2 s";
    }
}

section! {
    /// Where the embedded stores keep their files.
    Data at "data" used {
        dir: PathBuf = "./data", "directory of the embedded stores, created when absent; belongs to one process at a time";
        min_free_bytes: u64 = "1073741824", "`flexprice doctor` warns below this much free disk (1 GiB)";
        reserve_bytes: u64 = "67108864", "free disk, 64 MiB, below which events are refused with 503; it leaves the store room to tidy up" [at_least(1_048_576)];
        lock_timeout: Duration = "5s", "how long a change waits while another holds the database's write lock; beyond it 503 with Retry-After";
    }
}

section! {
    /// Records of `Idempotency-Key`.
    Idempotency at "idempotency" used {
        retention: Duration = "168h", "how long the answer to an `Idempotency-Key` is kept and replayed";
    }
}

section! {
    /// Encryption of stored secrets.
    Secrets at "secrets" used {
        encryption_key: Secret = DEV_ENCRYPTION_KEY, "master key for AES-256-GCM; 32 bytes are taken as they are, other lengths through SHA-256";
    }
}

section! {
    /// What subscriptions may ask for.
    Subscriptions at "subscriptions" used {
        backdated_periods_max: u32 = "240", "most billing periods that may have ended when a subscription is made; each gets an invoice at once" [at_least(1)];
    }
}

section! {
    /// Sign-up.
    Onboarding at "onboarding" planned {
        default_tenant_name: String = "Flexprice", "tenant name when sign-up gives none";
    }
}

section! {
    /// Self-billing: every new tenant becomes a customer of this tenant and environment.
    Billing at "billing" planned {
        tenant_id: String = "", "tenant in which new tenants are mirrored as customers; empty = off";
        environment_id: String = "", "environment for the same";
    }
}
