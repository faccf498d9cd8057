//! Drives a LiveKit-compatible server with recorded media and prints one line of JSON.
//!
//! moim-load --address 127.0.0.1:7880 --key K --secret S --pid PID --media FOLDER
//!           --scenario NAME --server LABEL [--seconds N]
//!
//! or plays people whom a browser sees and hears, until its input ends:
//!
//! moim-load --replay mesh --media FOLDER
//! moim-load --replay sfu --people N --room R --address A --prefix /livekit --key K --secret S
//!           --media FOLDER

mod client;
mod connection;
mod crowd;
mod ledger;
mod media;
mod player;
mod process;
mod replay;
mod report;
mod run;
mod scenario;
mod signal;
mod stamp;
mod token;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use crowd::Server;
use run::Settings;
use scenario::{Library, NAMES, Scenario};
use token::Keys;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut options: HashMap<String, String> = HashMap::new();
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").ok_or(format!("no option: {word}"))?.to_owned();
        options.insert(name, words.next().ok_or(format!("{word} needs a value"))?);
    }
    let option = |name: &str| options.get(name).cloned().ok_or(format!("--{name} is missing"));
    let library = Library::read(&PathBuf::from(option("media")?))?;
    if options.get("replay").is_some_and(|plane| plane == "mesh") {
        return replay::mesh(&library);
    }
    let keys = Keys { key: option("key")?, secret: option("secret")? };
    let prefix = options.get("prefix").cloned().unwrap_or_default();
    let room = options.get("room").cloned().unwrap_or("load".to_owned());
    let server = Server { address: option("address")?.parse()?, prefix, keys, room };
    if options.contains_key("replay") {
        return replay::sfu(server, &library, option("people")?.parse()?);
    }
    let name = option("scenario")?;
    let scenario = Scenario::named(&name, &library)
        .ok_or(format!("no scenario {name}: one of {}", NAMES.join(", ")))?;
    let seconds = options.get("seconds").map_or(Ok(5.0), |text| text.parse::<f64>())?;
    let settings = Settings {
        pid: option("pid")?.parse()?,
        window: Duration::from_secs_f64(seconds),
        scenario: name,
        server: option("server")?,
    };
    println!("{}", run::run(server, &scenario, &settings)?);
    Ok(())
}
