//! Is the kernel recent enough?

/// The oldest kernel that is promised: it has every helper that the XDP program calls.
const OLDEST: (u32, u32) = (6, 1);

/// What is wrong with a kernel of this release, as `uname -r` prints it.
pub fn problem(release: &str) -> Option<String> {
    let (major, minor) = OLDEST;
    match version(release) {
        Some(version) if version >= OLDEST => None,
        Some(_) => Some(format!(
            "kernel {release} is older than {major}.{minor}, the oldest that the XDP program loads on: boot a newer \
             one, or set xdp_mode = \"off\""
        )),
        None => Some(format!(
            "cannot tell the version of kernel {release:?}, and {major}.{minor} is needed: set xdp_mode = \"off\" to \
             go on without XDP"
        )),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_since_6_1_are_accepted() {
        for (release, accepted) in [
            ("6.1.0-42-amd64", true),
            ("6.1", true),
            ("6.18.3", true),
            ("6.2-rc1", true),
            ("7.0.0+", true),
            ("10.0.1", true),
            ("6.0.19", false),
            ("5.10.0-30-cloud-amd64", false),
            ("5.99.1", false),
            ("6", false),
            ("linux", false),
            ("", false),
        ] {
            assert_eq!(problem(release).is_none(), accepted, "{release}");
        }
    }

    #[test]
    fn the_problem_names_the_release_and_a_way_out() {
        let problem = problem("5.10.0-30-amd64").unwrap_or_default();
        assert!(problem.contains("5.10.0-30-amd64") && problem.contains("xdp_mode = \"off\""), "{problem}");
    }
}
