//! `radloom`: studies, runs, the coordinator, steps by hand.

fn main() -> std::process::ExitCode {
    coordinator::cli::main()
}
