//! LuaRocks' `luarocks.lock`: a Lua table, in the layout of LuaRocks.
//!
//! ```lua
//! return {
//!    dependencies = {
//!       ["lua-cjson"] = "2.1.0.10-1",
//!       lpeg = "1.1.0-1"
//!    }
//! }
//! ```

use super::Locked;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut table, mut is_lock) = (Vec::new(), "", false);
    for line in text.lines().map(str::trim) {
        is_lock |= line.starts_with("return {");
        if line.starts_with('}') {
            table = "";
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim().trim_start_matches('[').trim_end_matches(']').trim_matches('"');
        let value = value.trim().trim_end_matches(',');
        if value == "{" {
            table = key;
        } else if matches!(table, "dependencies" | "build_dependencies" | "test_dependencies") {
            let locked_rock = Locked::new(key.to_lowercase(), value.trim_matches('"'));
            // Lua itself is not a rock.
            if key != "lua" {
                locked.push(locked_rock.for_development(table != "dependencies"));
            }
        }
    }
    if is_lock { Ok(locked) } else { Err("is not a lock file: it does not return a table".to_owned()) }
}
