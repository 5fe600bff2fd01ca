//! Recorded exchanges: documents of YAML with a request (`when`) and its answer (`then`).

use std::fs;
use std::path::{Path, PathBuf};

use http::{Request, Response};
use yaml_rust2::{Yaml, YamlLoader};

/// A request and its answer.
pub(crate) struct Exchange {
    /// The file it is from, and its place in there.
    pub(crate) name: String,
    /// The folder it is from, which is named after the provider.
    pub(crate) folder: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) told: String,
}

/// The hosts of the providers of the folders.
const HOSTS: [(&str, &str); 8] = [
    ("anthropic", "api.anthropic.com"),
    ("deepseek", "api.deepseek.com"),
    ("gemini", "generativelanguage.googleapis.com"),
    ("groq", "api.groq.com"),
    ("mistral", "api.mistral.ai"),
    ("ollama", "localhost:11434"),
    ("openai", "api.openai.com"),
    ("openrouter", "openrouter.ai"),
];

impl Exchange {
    /// All exchanges in and below a folder, whose folders are named after providers.
    pub(crate) fn all(root: &Path) -> Vec<Self> {
        let mut files = Vec::new();
        collect(root, &mut files);
        files.sort();
        let mut all = Vec::new();
        for file in files {
            let below = file.strip_prefix(root).expect("it is below");
            let folder = below.iter().next().expect("in a folder");
            let folder = folder.to_string_lossy().into_owned();
            let text = fs::read_to_string(&file).expect("it is text");
            let documents = YamlLoader::load_from_str(&text).expect("it is YAML");
            for (place, document) in documents.iter().enumerate() {
                let (when, then) = (&document["when"], &document["then"]);
                if when.is_badvalue() {
                    continue;
                }
                let text = |value: &Yaml| value.as_str().unwrap_or_default().to_owned();
                let headers = then["header"]
                    .as_vec()
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let kind = headers
                    .iter()
                    .find(|header| header["name"].as_str() == Some("content-type"))
                    .map(|header| text(&header["value"]));
                all.push(Self {
                    name: format!("{}#{place}", below.display()),
                    folder: folder.clone(),
                    method: text(&when["method"]),
                    path: text(&when["path"]),
                    asked: text(&when["body"]),
                    status: u16::try_from(then["status"].as_i64().expect("a status")).expect("one"),
                    content_type: kind.unwrap_or_default(),
                    told: text(&then["body"]),
                });
            }
        }
        all
    }

    pub(crate) fn host(&self) -> &'static str {
        let host = HOSTS.iter().find(|(folder, _)| *folder == self.folder);
        host.expect("a provider that is known").1
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}{}?key=SECRET-IN-QUERY", self.host(), self.path)
    }

    pub(crate) fn request(&self) -> Request<&[u8]> {
        Request::builder()
            .method(&*self.method)
            .uri(self.url())
            .header("authorization", "Bearer SECRET-IN-HEADER")
            .header("content-type", "application/json")
            .body(self.asked.as_bytes())
            .expect("the parts are right")
    }

    pub(crate) fn response(&self) -> Response<&[u8]> {
        Response::builder()
            .status(self.status)
            .header("content-type", &self.content_type)
            .header("set-cookie", "SECRET-IN-HEADER")
            .body(self.told.as_bytes())
            .expect("the parts are right")
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
}
