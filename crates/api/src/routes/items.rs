//! The items of a bulk request.

use app::Error;
use domain::invalid::Faults;

/// What each item stands for; refused with the faults of all of them, each named by its place.
pub(super) fn each<I, T>(items: impl IntoIterator<Item = I>, mut decode: impl FnMut(I) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let (mut decoded, mut faults) = (Vec::new(), Faults::default());
    for (index, item) in items.into_iter().enumerate() {
        match decode(item) {
            Err(Error::Invalid(invalid)) => {
                faults.take::<()>(Err(invalid.within(&format!("items[{index}]")).with("index", index)));
            }
            item => decoded.push(item?),
        }
    }
    faults.check()?;
    Ok(decoded)
}
