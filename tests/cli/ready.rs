//! What lies ready to be used: the action, the hooks, the image. Each is read by a reader that is not ours, and the action's
//! own script is run.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Dragnet, readers};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A YAML file of the project as JSON; `None`, aloud, where there is no reader.
fn yaml(name: &str) -> Option<Value> {
    let program =
        "import sys, json, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let text = readers::python("yaml", program, &[&format!("{ROOT}/{name}")])?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn the_action_is_valid_and_puts_no_input_into_a_script() {
    let Some(action) = yaml("action.yml") else {
        return;
    };
    let steps = action["runs"]["steps"].as_array().expect("steps");
    for step in steps {
        let script = step["run"].as_str().unwrap_or_default();
        assert!(!script.contains("${{"), "{script}");
        assert!(script.is_empty() || step["shell"] == "bash", "{step}");
    }
    // A job that fails keeps nothing by itself, so that both caches have a step of their own for it, and that of the program
    // comes before anything can fail for a link.
    let uses = |name: &str| {
        let used = |step: &Value| {
            step["uses"]
                .as_str()
                .is_some_and(|uses| uses.starts_with(name))
        };
        let places = steps.iter().enumerate().filter(|(_, step)| used(step));
        places.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let check = steps.iter().position(|step| step["id"] == "check");
    let saves = uses("actions/cache/save@");
    assert_eq!(
        (uses("actions/cache@"), uses("actions/cache/restore@").len()),
        (vec![], 2)
    );
    assert!(
        saves.len() == 2 && Some(saves[0]) < check && Some(saves[1]) > check,
        "{saves:?}"
    );
    let schema = format!(
        "{}/check_jsonschema/builtin_schemas/vendor/github-actions.json",
        readers::FOLDER
    );
    if !Path::new(&schema).exists() {
        println!(
            "skipped: no schema of actions (pip install --target target/readers check-jsonschema)"
        );
        return;
    }
    let validate = "
import sys, json, yaml, jsonschema
jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.load(open(sys.argv[1])))
";
    readers::python(
        "jsonschema",
        validate,
        &[&schema, &format!("{ROOT}/action.yml")],
    );
}

#[test]
fn the_script_of_the_action_reports_and_hands_the_exit_code_on() {
    let Some(action) = yaml("action.yml") else {
        return;
    };
    let steps = action["runs"]["steps"].as_array().expect("steps");
    let check = steps.iter().find(|step| step["id"] == "check");
    let script = check.expect("the step")["run"].as_str();
    let script = script.expect("a script");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("docs")).expect("a folder");
    std::fs::write(path("docs/a b.md"), "[x](none.md) [y](skipped.md)\n").expect("a file");
    let binary = Path::new(env!("CARGO_BIN_EXE_dragnet"));
    let run_in = |directory: &str, report: &str, args: &str, inputs: &str, fail: &str| {
        for name in ["output", "summary"] {
            std::fs::write(path(name), "").expect("a file");
        }
        let program_path = format!(
            "{}:{}",
            binary.parent().expect("a folder").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let output = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", script])
            .current_dir(folder.path().join(directory))
            .env_clear()
            .envs([("PATH", &*program_path), ("INPUTS", inputs), ("ARGS", args)])
            .envs([
                ("DIRECTORY", directory),
                ("REPORT", report),
                ("SUMMARY", "true"),
                ("ANNOTATIONS", "true"),
            ])
            .envs([("FAIL", fail), ("CACHE", "true")])
            .env("GITHUB_OUTPUT", path("output"))
            .env("GITHUB_STEP_SUMMARY", path("summary"))
            .env("GITHUB_WORKSPACE", folder.path())
            .output()
            .expect("bash");
        let read = |name: &str| std::fs::read_to_string(path(name)).expect("a file");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            told,
            errors,
            read("output"),
            read("summary"),
        )
    };
    let run = |args: &str, inputs: &str, fail: &str| run_in(".", "r.md", args, inputs, fail);
    let (code, told, errors, output, summary) = run(
        "--exclude '^skipped|skipped[.]md$'",
        "'docs/a b.md'",
        "true",
    );
    assert_eq!(code, Some(1), "{told}{errors}");
    assert!(
        told.starts_with("::error file=docs/a b.md,line=1,col=5,"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
    assert_eq!(output, "exit-code=1\nreport=r.md\n");
    assert!(summary.starts_with("# 1 broken link\n"), "{summary}");
    let (code, _, _, output, _) = run("", "docs", "false");
    assert_eq!(
        (code, output.as_str()),
        (Some(0), "exit-code=1\nreport=r.md\n")
    );
    let (code, _, errors, output, summary) = run(
        "$(touch hacked) `touch hacked`",
        "none; touch hacked",
        "false",
    );
    assert_eq!(code, Some(2), "{errors}");
    assert_eq!(
        (output.as_str(), summary.as_str()),
        ("exit-code=2\nreport=r.md\n", "")
    );
    assert!(!path("hacked").exists());
    // The next step reads the report from the workspace.
    for directory in ["docs", "docs/", "./docs"] {
        let (_, _, errors, output, summary) = run_in(directory, "out/r.md", "", ".", "true");
        let report = output.split("report=").nth(1).expect("a report").trim_end();
        let text = std::fs::read_to_string(path(report)).expect(&errors);
        assert_eq!(text, summary, "{report}");
        std::fs::remove_dir_all(path("docs/out")).expect("a folder");
    }
    // What cannot be told apart is not left out.
    let (code, told, _, output, _) = run("--exclude 'it's'", "docs", "false");
    assert_eq!(
        (code, output.as_str()),
        (Some(2), "exit-code=2\n"),
        "{told}"
    );
    assert!(told.starts_with("::error "), "{told}");
}

/// The repository is the root of its links, as it is on GitHub, whether its folder is checked, some of its files or a part.
#[test]
fn links_that_begin_with_a_slash_start_at_the_repository() {
    let Some(hooks) = yaml(".pre-commit-hooks.yaml") else {
        return;
    };
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the README");
    let lanes = readme
        .lines()
        .filter_map(|line| line.split("inputs: docs README.md, args: ").nth(1));
    let lanes = lanes.map(|rest| {
        rest.split([',', '}'])
            .next()
            .unwrap_or_default()
            .split_whitespace()
    });
    let lanes: Vec<Vec<&str>> = lanes
        .map(|words| words.chain(["docs", "README.md"]).collect())
        .collect();
    assert_eq!(lanes.len(), 2);
    let hooks = hooks.as_array().expect("hooks").iter();
    let with_files = hooks
        .filter(|hook| hook["pass_filenames"] != false)
        .map(|hook| {
            let args = hook["args"].as_array().expect("words").iter();
            let args = args.map(|word| word.as_str().expect("a word"));
            args.chain(["README.md", "docs/b.md"]).collect()
        });
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("docs")).expect("a folder");
    for (name, text) in [
        ("README.md", "[a](/docs/b.md) [b](docs/b.md#r)\n"),
        ("docs/b.md", "# R\n[r](/README.md) [s](../README.md)\n"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    for words in lanes.into_iter().chain(with_files).chain([vec!["."]]) {
        let run = Dragnet::new()
            .arg("check")
            .args(&words)
            .in_dir(folder.path());
        run.run().assert_code(0);
    }
}

#[test]
fn the_hooks_name_a_command_that_takes_files() {
    let Some(hooks) = yaml(".pre-commit-hooks.yaml") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("a.md"),
        "[x](b.mdx) [y](http://127.0.0.1:9/)\n",
    )
    .expect("a file");
    let git =
        "git init -q && git -c user.name=n -c user.email=e@h.test commit -q --allow-empty -m one";
    let git = Command::new("sh")
        .args(["-c", git])
        .current_dir(folder.path())
        .status();
    assert!(git.expect("a shell").success());
    std::fs::write(folder.path().join("b.mdx"), "[x](a.md)\n").expect("a file");
    for hook in hooks.as_array().expect("hooks") {
        for name in ["id", "name", "entry", "language"] {
            assert!(hook[name].is_string(), "{name} of {hook}");
        }
        if hook["pass_filenames"] != false {
            let files = hook["files"].as_str().expect("a pattern");
            let files = regex::Regex::new(files).expect("a pattern");
            for name in ["a.md", "b/c.mdx", "d.Rmd", "e.html", "f.rst"] {
                assert!(files.is_match(name), "{name}");
            }
            assert!(!files.is_match("main.rs"));
        }
        let words = hook["entry"].as_str().expect("words").split(' ').skip(1);
        let args = hook["args"].as_array().expect("words").iter();
        let run = Dragnet::new()
            .args(words)
            .args(args.map(|word| word.as_str().expect("a word")));
        run.args(["a.md", "b.mdx"])
            .in_dir(folder.path())
            .run()
            .assert_code(0);
    }
}

#[test]
fn the_workflow_of_the_readme_is_valid() {
    let text = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the README");
    let workflow = text
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("links.yml");
    std::fs::write(&file, workflow.expect("a workflow")).expect("a file");
    let schema = format!(
        "{}/check_jsonschema/builtin_schemas/vendor/github-workflows.json",
        readers::FOLDER
    );
    if !Path::new(&schema).exists() {
        println!(
            "skipped: no schema of workflows (pip install --target target/readers check-jsonschema)"
        );
        return;
    }
    // Read as GitHub does, for whom `on` is no truth value.
    let validate = "
import sys, json, yaml, jsonschema
workflow = yaml.load(open(sys.argv[2]), yaml.BaseLoader)
jsonschema.validate(workflow, json.load(open(sys.argv[1])))
action = yaml.safe_load(open(sys.argv[3]))
used = [step for job in workflow['jobs'].values() for step in job['steps'] if step.get('uses', '').startswith('dragnet')]
assert len(used) == 2 and all(name in action['inputs'] for step in used for name in step['with'])
";
    let action = format!("{ROOT}/action.yml");
    readers::python(
        "jsonschema",
        validate,
        &[&schema, file.to_str().expect("a path"), &action],
    );
}
