"""The image, from nothing to users' crates, and through all that may happen to it."""

import pytest


@pytest.fixture(scope="module")
def crates(net, new_box):
    """In the tailnet by a key, on a volume that was empty."""
    box = new_box("crates", {"PRIVATE_REPO_HOSTNAME": "crates", "TS_AUTHKEY": net.new_key(tags=["tag:registry"])})
    box.start().wait_ready()
    for name in "anna", "ben", "ci":
        net.named[name].wait_reaches(box)
    return box


def test_two_users_publish_and_a_ci_job_builds(crates, machine):
    for user, name in ("anna", "acme"), ("ben", "bolt"):
        machine(user).publish(crates, name)
    dependencies = "".join(f'{name} = {{ version = "0.1", registry = "crates" }}\n' for name in ("acme", "bolt"))
    for reader in "anna", "ci":
        user = machine(reader)
        user.cargo("build", cwd=user.project(crates, "app", dependencies=dependencies))
