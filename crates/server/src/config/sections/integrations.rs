//! Services of others.

use std::time::Duration;

use crate::config::secret::Secret;
use crate::config::section::section;

section! {
    /// Object store for invoice documents.
    S3 at "s3" planned {
        enabled: bool = "false", "keep invoice documents in S3";
        region: String = "ap-south-1", "region";
    }
    with { invoice: S3Invoice }
}

section! {
    /// Bucket of invoice documents.
    S3Invoice at "s3.invoice" planned {
        bucket: String = "flexprice-invoices", "bucket";
        presign_expiry_duration: Duration = "1h", "how long a download link works";
        key_prefix: String = "", "prefix of object names";
    }
}

section! {
    /// Bucket of the platform, for connections that it manages.
    ManagedExports at "flexprice_s3_exports" planned {
        bucket: String = "", "bucket";
        region: String = "ap-south-1", "region";
        aws_access_key_id: String = "", "access key id";
        aws_secret_access_key: Secret = "", "secret access key";
        aws_session_token: Secret = "", "session token";
    }
}

section! {
    /// A second sink of events.
    DynamoDb at "dynamodb" planned {
        in_use: bool = "false", "write events to DynamoDB too";
        region: String = "us-east-1", "region";
        event_table_name: String = "events", "table";
    }
}

section! {
    /// Cloud marketplaces.
    Marketplace at "marketplace" planned {}
    with { aws: MarketplaceAws, gcp: MarketplaceGcp }
}

section! {
    /// Caller identity for AWS Marketplace.
    MarketplaceAws at "marketplace.aws" planned {
        region: String = "", "region";
        access_key_id: String = "", "access key id";
        secret_access_key: Secret = "", "secret access key";
        session_token: Secret = "", "session token";
    }
}

section! {
    /// Rendered in the set-up script for Google Cloud.
    MarketplaceGcp at "marketplace.gcp" planned {
        flexprice_aws_account_id: String = "", "AWS account that calls";
        flexprice_aws_role_name: String = "", "AWS role that calls";
    }
}

section! {
    /// Reading of price lists by Gemini.
    Gemini at "gemini" planned {
        api_key: Secret = "", "key for Gemini";
        model: String = "gemini-2.5-flash-lite", "model";
    }
}

section! {
    /// Payments by Whop.
    Whop at "whop" planned {
        base_url: String = "", "address in place of the usual one, for its sandbox";
    }
}

section! {
    /// Support chat.
    ChatSupport at "chat_support" planned {
        app_id: String = "", "application id";
        identity_secret: Secret = "", "hex key that proves who is chatting";
    }
}
