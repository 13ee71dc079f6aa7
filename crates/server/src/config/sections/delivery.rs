//! What leaves the system on its own account: webhooks, alerts, mail, pages for customers.

use std::time::Duration;

use crate::config::secret::{Secret, SecretObject};
use crate::config::section::section;

section! {
    /// Webhooks.
    Webhook at "webhook" planned {
        enabled: bool = "true", "deliver webhooks";
        event_cascading_enabled: bool = "true", "derive follow-up events";
        topic: String = "flexprice_system_events", "topic of system events";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "system-events-consumer", "its consumer group";
        max_retries: u32 = "3", "further tries at once";
        initial_interval: Duration = "1s", "wait before the first of them";
        max_interval: Duration = "10s", "longest wait between two";
        multiplier: f64 = "2", "growth of the wait";
        max_elapsed_time: Duration = "2m", "give up at once after this time; the retry job goes on";
        tenants: SecretObject = "{}", "map of tenant to {endpoint, headers, enabled, excluded_events}" [file_only()];
    }
    with { svix_config: WebhookSvix }
}

section! {
    /// Delivery through Svix.
    WebhookSvix at "webhook.svix_config" planned {
        enabled: bool = "false", "deliver through Svix";
        auth_token: Secret = "", "token for Svix";
        base_url: String = "https://api.us.svix.com", "address of Svix";
    }
}

section! {
    /// The job that tries failed webhooks again.
    WebhookRetryJob at "webhook_retry_job" planned {
        enabled: bool = "true", "run the job";
        max_attempts: u32 = "5", "tries of one webhook";
        rate_limit: u32 = "5", "deliveries per second; 0 = no limit";
        excluded_tenants: Vec<String> = "", "tenants left out";
        allowed_event_types: Vec<String> = "", "only these event types; empty = all";
    }
}

section! {
    /// Alerts on usage.
    UsageAlerts at "usage_alerts" planned {
        enabled: bool = "false", "one debounced check per customer in place of one per event";
        schedule_delay: Duration = "5m30s", "wait before the check";
        stale_after: Duration = "1h", "a check that has waited so long yields";
        wallet_alerts_enabled: bool = "true", "alerts on wallet balances";
        spend_alerts_enabled: bool = "true", "alerts on spend";
        entitlement_alerts_enabled: bool = "true", "alerts on entitlements";
    }
}

section! {
    /// Mail.
    Email at "email" planned {
        enabled: bool = "false", "send mail";
        resend_api_key: Secret = "", "key for the mail service Resend";
        from_address: String = "", "sender";
        reply_to: String = "", "where answers go";
        calendar_url: String = "", "link for appointments";
        zapier_webhook_url: Secret = "", "called on sign-up";
    }
}

section! {
    /// The customer portal.
    CustomerPortal at "customer_portal" planned {
        url: String = "http://localhost:3000", "address of the portal";
        token_timeout_hours: u32 = "1", "hours that a link works; 0 = 1";
    }
}

section! {
    /// Hosted checkout.
    Checkout at "checkout" planned {
        base_url: String = "", "address of the checkout page";
    }
}

section! {
    /// OAuth integrations.
    Oauth at "oauth" planned {
        redirect_uri: String = "", "where authorisation returns to";
    }
}
