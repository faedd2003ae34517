//! How a program learns of its supervisor.

/// The environment variable with the number of the door's descriptor.
pub const FD_VARIABLE: &str = "NONO_SUPERVISOR_FD";
/// The environment variable with the path of the supervisor's socket, for programs that close
/// descriptors when they start.
pub const PATH_VARIABLE: &str = "NONO_SUPERVISOR_PATH";
/// The environment variable with the secret for the path.
pub const TOKEN_VARIABLE: &str = "NONO_SUPERVISOR_TOKEN";
/// The environment variable with the session's name.
pub const SESSION_VARIABLE: &str = "NONO_SESSION_ID";
